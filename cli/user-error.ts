/** What a user did or met that ends a command: the cause, and the next step. */
export class UserError extends Error {
  override readonly name = 'UserError';

  constructor(cause: string, nextStep: string) {
    super(`${cause} ${nextStep}`);
  }
}
