/** Called with each message: its type, the buffer that contains it, and the positions of its body. */
export type OnMessage = (type: number, buffer: Buffer, start: number, end: number) => void

const headerBytes = 5

/** Creates a function that takes the chunks of a socket and calls `onMessage` for each complete message of the backend. */
export const createMessageReader = (onMessage: OnMessage): ((chunk: Buffer) => void) => {
  let chunks: Buffer[] = []
  let bytes = 0
  /** The length of the message that is not complete. */
  let needed = 0

  const collect = (chunk: Buffer): Buffer | undefined => {
    if (bytes === 0) return chunk
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes < needed) return undefined
    const all = Buffer.concat(chunks, bytes)
    chunks = []
    bytes = 0
    return all
  }

  return (chunk) => {
    const buffer = collect(chunk)
    if (buffer === undefined) return
    let at = 0
    needed = headerBytes
    while (buffer.length - at >= headerBytes) {
      const length = buffer.readInt32BE(at + 1) + 1
      if (buffer.length - at < length) {
        needed = length
        break
      }
      onMessage(buffer[at] as number, buffer, at + headerBytes, at + length)
      at += length
    }
    if (at === buffer.length) return
    chunks = [buffer.subarray(at)]
    bytes = buffer.length - at
  }
}
