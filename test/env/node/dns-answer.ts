const A = 1;
const NAME_ERROR = 3;
const QUESTION_OFFSET = 12;

/**
 * Returns the answer of a DNS server to one UDP message with one question. It knows IPv4 addresses only: `find` returns the one
 * of a name. A known name has no record of another type, and an unknown name does not exist.
 */
export function dnsAnswer(query: Buffer, find: (name: string) => string | undefined): Buffer {
  const { name, end } = readName(query);
  const type = query.readUInt16BE(end);
  const question = query.subarray(QUESTION_OFFSET, end + 4);
  const address = find(name.toLowerCase());
  const answers = address !== undefined && type === A ? [record(address)] : [];

  const header = Buffer.alloc(QUESTION_OFFSET);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  // A response, authoritative, with recursion as the client wanted it.
  header.writeUInt16BE(0x8480 | (query.readUInt16BE(2) & 0x0100) | (address === undefined ? NAME_ERROR : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, question, ...answers]);
}

function readName(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = QUESTION_OFFSET;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('ascii', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

/** A record of the question's name, which is at the offset of the question. */
function record(address: string): Buffer {
  const made = Buffer.alloc(16);
  made.writeUInt16BE(0xc000 | QUESTION_OFFSET, 0);
  made.writeUInt16BE(A, 2);
  made.writeUInt16BE(1, 4); // the class IN
  made.writeUInt32BE(1, 6); // a second to live: Services come and vanish
  made.writeUInt16BE(4, 10);
  address.split('.').forEach((octet, index) => made.writeUInt8(Number(octet), 12 + index));
  return made;
}
