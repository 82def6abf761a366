/** An estimate of the clock of the service, by which items expire. In milliseconds since 1970. */
export interface ServiceClock {
  readonly now: () => number
  /**
   * Compares the clocks by the Date header of a response.
   * @param sentAt when the request was sent, of `Date.now()`
   */
  readonly compare: (headers: Headers, sentAt: number) => void
  /** Notes that this point in time, of the service, has passed. */
  readonly hasPassed: (time: string) => void
}

/**
 * Creates a clock that follows that of the service, and the local clock until anything is known. It is never ahead of the service, except
 * by the difference of two clocks that the Date header cannot tell apart, which is less than a second plus the time of a response. It is
 * behind by at most as much. Between comparisons it does not depend on the local wall clock.
 */
export const createServiceClock = (): ServiceClock => {
  /** The service's time minus `performance.now()`. */
  let offset = Date.now() - performance.now()
  return {
    now: () => performance.now() + offset,
    compare: (headers, sentAt) => {
      const now = Date.now()
      // The header has whole seconds, rounded down. Pages of other origins cannot read it.
      const date = Date.parse(headers.get('date') ?? '')
      const agrees = Number.isNaN(date) || (date <= now && sentAt < date + 1_000)
      offset = (agrees ? now : date) - performance.now()
    },
    hasPassed: (time) => {
      offset = Math.max(offset, Date.parse(time) - performance.now())
    },
  }
}
