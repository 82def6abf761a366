/** The type OIDs of array elements (`pg_type`). */
const oids = { text: 25, int8: 20 } as const

const initialBytes = 65_536
/** A larger buffer is not kept after its message. */
const keptBytes = 1_048_576

/** Writes messages of the frontend/backend protocol (PostgreSQL docs, section 54.7) into one buffer. All parameters are in binary format. */
export class MessageWriter {
  #buffer = Buffer.allocUnsafeSlow(initialBytes)
  #at = 0

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }

  #int16(value: number): void {
    this.#at = this.#buffer.writeInt16BE(value, this.#at)
  }

  #int32(value: number): void {
    this.#at = this.#buffer.writeInt32BE(value, this.#at)
  }

  /** Writes a string that ends with a zero byte. */
  #zeroTerminated(value: string): void {
    this.#reserve(value.length * 3 + 1)
    this.#at += this.#buffer.write(value, this.#at, 'utf8')
    this.#buffer[this.#at++] = 0
  }

  /** Writes a message whose length is known afterwards. */
  #message(type: string, writeBody: () => void): void {
    this.#reserve(64)
    this.#buffer[this.#at] = type.charCodeAt(0)
    const start = this.#at + 1
    this.#at = start + 4
    writeBody()
    this.#buffer.writeInt32BE(this.#at - start, start)
  }

  /** Writes a Parse message. The server infers the types of the parameters. */
  parse(name: string, text: string): void {
    this.#message('P', () => {
      this.#zeroTerminated(name)
      this.#zeroTerminated(text)
      this.#reserve(2)
      this.#int16(0)
    })
  }

  /**
   * Writes Bind, Execute and Sync messages for a prepared statement.
   * @param writeParameters writes the given number of parameters
   */
  execute(name: string, parameters: number, writeParameters: (writer: MessageWriter) => void): void {
    this.#message('B', () => {
      this.#zeroTerminated('')
      this.#zeroTerminated(name)
      this.#reserve(6)
      this.#int16(1)
      this.#int16(1)
      this.#int16(parameters)
      writeParameters(this)
      this.#reserve(4)
      this.#int16(1)
      this.#int16(1)
    })
    this.#message('E', () => {
      this.#zeroTerminated('')
      this.#int32(0)
    })
    this.#message('S', () => {})
  }

  /** Writes a Terminate message. */
  terminate(): void {
    this.#message('X', () => {})
  }

  /** Writes a parameter of type text. */
  text(value: string): void {
    const bytesMax = value.length * 3
    this.#reserve(bytesMax + 4)
    const length = this.#buffer.write(value, this.#at + 4, 'utf8')
    this.#int32(length)
    this.#at += length
  }

  /** Writes a parameter of type int8, or null. The value must be a safe integer. */
  int8(value: number | null): void {
    this.#reserve(12)
    if (value === null) {
      this.#int32(-1)
      return
    }
    this.#int32(8)
    this.#int32(Math.floor(value / 0x1_0000_0000))
    this.#at = this.#buffer.writeUInt32BE(value >>> 0, this.#at)
  }

  /** Writes a parameter of type text[]. */
  textArray(values: readonly string[]): void {
    this.#array(oids.text, values, (value) => this.text(value))
  }

  /** Writes a parameter of type int8[]. */
  int8Array(values: readonly (number | null)[]): void {
    this.#array(oids.int8, values, (value) => this.int8(value))
  }

  /** Writes an array of one dimension. */
  #array<Element>(oid: number, elements: readonly Element[], writeElement: (element: Element) => void): void {
    this.#reserve(24)
    const start = this.#at
    this.#at = start + 4
    this.#int32(1)
    // Tells that there may be nulls.
    this.#int32(1)
    this.#int32(oid)
    this.#int32(elements.length)
    this.#int32(1)
    for (const element of elements) writeElement(element)
    this.#buffer.writeInt32BE(this.#at - start - 4, start)
  }

  /** Discards what was written. */
  reset(): void {
    this.#at = 0
  }

  /** Returns the written messages, and starts again. */
  take(): Buffer {
    const messages = Buffer.from(this.#buffer.subarray(0, this.#at))
    this.#at = 0
    if (this.#buffer.length > keptBytes) this.#buffer = Buffer.allocUnsafeSlow(initialBytes)
    return messages
  }
}
