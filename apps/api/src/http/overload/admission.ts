/** How an {@link Admission} is bounded. */
export interface AdmissionOptions {
  /** How long an admitted request may wait for those before it. Milliseconds. */
  readonly delayMs: number
  /** So many are admitted whatever the throughput is, so that a few slow requests close nothing. */
  readonly requestsMin: number
  /** As `performance.now()`. */
  readonly now?: () => number
}

/** How far the admission of requests is used. */
export interface AdmissionUse {
  readonly inFlight: number
  readonly max: number
  /** Requests that were rejected since the start. */
  readonly rejected: number
}

/** Decides how many requests are served at once. */
export interface Admission {
  /** Whether one more request can be served. */
  readonly isOpen: () => boolean
  readonly enter: () => void
  readonly leave: () => void
  /** Counts a rejection. */
  readonly reject: () => void
  readonly use: () => AdmissionUse
}

const windowMs = 100
/** What is left of a throughput that is not reached any more, after each window: it is forgotten within about a second. */
const memory = 0.8

/**
 * Admits as many requests as the service completes within `delayMs` at the throughput that it reaches (Little, 1961), so that no request waits for
 * longer than that and the rest is rejected at once. A limit on the number alone would let requests wait for seconds on a slow machine, and reject
 * them for nothing on a fast one.
 */
export const createAdmission = ({ delayMs, requestsMin, now = () => performance.now() }: AdmissionOptions): Admission => {
  let inFlight = 0
  let rejected = 0
  let max = requestsMin
  let throughput = 0
  let completed = 0
  let windowAt = now()

  const closeWindow = (at: number): void => {
    const elapsedMs = at - windowAt
    throughput = Math.max(completed / elapsedMs, throughput * memory ** (elapsedMs / windowMs))
    max = Math.max(requestsMin, Math.ceil(throughput * delayMs))
    completed = 0
    windowAt = at
  }

  return {
    isOpen: () => inFlight < max,
    enter: () => {
      inFlight++
    },
    leave: () => {
      inFlight--
      completed++
      const at = now()
      if (at - windowAt >= windowMs) closeWindow(at)
    },
    reject: () => {
      rejected++
    },
    use: () => ({ inFlight, max, rejected }),
  }
}

/** The admission of reads and that of writes, so that writes which wait for locks close nothing for reads. */
export interface Admissions {
  readonly read: Admission
  readonly write: Admission
}

/** Admitted at any throughput. */
export const requestsMin = 4_000

/** Makes the two admissions of a service. */
export const createAdmissions = (): Admissions => {
  const options = { delayMs: 500, requestsMin }
  return { read: createAdmission(options), write: createAdmission(options) }
}
