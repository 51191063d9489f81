/** The limits of the console's server. Each is far above what one person with a few open pages needs. */
export const LIMITS = {
  /** Open connections. */
  connections: 128,
  /** Bytes of all headers of a request. */
  headerBytes: 16_384,
  /** Bytes of the body of a request. */
  bodyBytes: 16_384,
  /** Milliseconds until a request must have arrived. */
  requestMs: 10_000,
  /** Calls of the API that run at once, waiting ones included. */
  calls: 48,
  /** Calls that wait for new rows of the audit at once. */
  waiting: 16,
  /** Characters of a text to search. */
  searchCharacters: 200,
  /** Results of one search. */
  hits: 200,
  /** Rows of one page of the audit. */
  auditRows: 1_000,
  /** Rows of one download of the audit. */
  downloadRows: 100_000,
  /** Days of one history. */
  historyDays: 366,
} as const;
