/** PostgreSQL's epoch, 2000-01-01, in milliseconds of Unix time. */
const epochMs = 946_684_800_000

/**
 * Creates a function that formats a time as RFC 3339 in UTC, from microseconds since PostgreSQL's epoch. Stored times have whole
 * milliseconds. Most times of a batch are within the same second, so the text of the last second is kept: a `Date` costs as much as the
 * rest of the row.
 */
export const createInstantFormat = (): ((microseconds: number) => string) => {
  let lastSecond = Number.NaN
  let lastText = ''
  return (microseconds) => {
    const ms = Math.round(microseconds / 1000) + epochMs
    const second = Math.floor(ms / 1000)
    if (second !== lastSecond) {
      lastText = new Date(second * 1000).toISOString().slice(0, -4)
      lastSecond = second
    }
    return `${lastText}${String(ms - second * 1000).padStart(3, '0')}Z`
  }
}
