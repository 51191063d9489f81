/** IEEE's registry: from the hex digits of a block, in upper case, to its holder's name and postal address in lines. */
declare module 'oui-data' {
  const registry: Readonly<Record<string, string>>;
  export default registry;
}
