import { createInstantFormat } from './instant-format.js'

const formatInstant = createInstantFormat()

/** Reads the columns of one row in binary format, from left to right. */
export class RowReader {
  #buffer: Buffer = Buffer.alloc(0)
  #at = 0

  /** Starts with the first column of a DataRow message. `at` is the position after the number of columns. */
  open(buffer: Buffer, at: number): void {
    this.#buffer = buffer
    this.#at = at
  }

  /** Moves behind the column's length and returns it; -1 is null. */
  #length(): number {
    const length = this.#buffer.readInt32BE(this.#at)
    this.#at += 4
    return length
  }

  #int64(): number {
    const value = this.#buffer.readInt32BE(this.#at) * 0x1_0000_0000 + this.#buffer.readUInt32BE(this.#at + 4)
    this.#at += 8
    return value
  }

  /** Reads a column of a text type. */
  text(): string {
    const length = this.#length()
    const end = this.#at + length
    const text = this.#buffer.toString('utf8', this.#at, end)
    this.#at = end
    return text
  }

  /** Reads a column of type int4. */
  int4(): number {
    this.#at += 8
    return this.#buffer.readInt32BE(this.#at - 4)
  }

  /** Reads a column of type boolean. */
  boolean(): boolean {
    this.#at += 5
    return this.#buffer[this.#at - 1] === 1
  }

  /** Reads a column of type int8 as decimal digits. */
  int8(): string | null {
    if (this.#length() === -1) return null
    const start = this.#at
    const value = this.#int64()
    return Number.isSafeInteger(value) ? String(value) : String(this.#buffer.readBigInt64BE(start))
  }

  /** Reads a column of type timestamptz as RFC 3339 in UTC with milliseconds. */
  instant(): string | null {
    return this.#length() === -1 ? null : formatInstant(this.#int64())
  }

  /** Reads a column of type int8 that is not null. */
  requiredInt8(): string {
    return required(this.int8())
  }

  /** Reads a column of type timestamptz that is not null. */
  requiredInstant(): string {
    return required(this.instant())
  }
}

const required = <Value>(value: Value | null): Value => {
  if (value === null) throw new TypeError('a column that must not be null is null')
  return value
}
