/** The options of an {@link Admission}. */
export interface AdmissionOptions {
  /** The maximum time that an admitted request should wait for earlier requests. Milliseconds. */
  readonly delayMs: number
  /** The number of requests that are admitted at any throughput, so that a few slow requests cause no rejections. */
  readonly requestsMin: number
  /** The clock. Default: `performance.now()`. */
  readonly now?: () => number
}

/** The state of an {@link Admission}. */
export interface AdmissionUse {
  readonly inFlight: number
  readonly max: number
  /** Requests rejected since the start. */
  readonly rejected: number
}

/** Limits the number of requests in progress. */
export interface Admission {
  /** Returns whether one more request can be admitted. */
  readonly isOpen: () => boolean
  readonly enter: () => void
  readonly leave: () => void
  /** Counts a rejection. */
  readonly reject: () => void
  readonly use: () => AdmissionUse
}

/** Throughput is measured in windows of this length. */
const windowMs = 100
/** The factor by which an earlier, higher throughput decays in each window. It is forgotten after about a second. */
const decay = 0.8

/**
 * Creates an admission. It admits as many requests as the service completes within `delayMs` at its current throughput (Little's law), and
 * rejects the rest immediately. With a fixed limit, requests would wait for seconds on a slow machine, and a fast machine would reject
 * requests that it can serve.
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
    throughput = Math.max(completed / elapsedMs, throughput * decay ** (elapsedMs / windowMs))
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

/** Separate admissions for reads and writes, so that writes that wait for locks cause no rejections of reads. */
export interface Admissions {
  readonly read: Admission
  readonly write: Admission
}

/** The number of requests that are admitted at any throughput. */
export const requestsMin = 4_000

/** Creates the admissions of a service. */
export const createAdmissions = (): Admissions => {
  const options = { delayMs: 500, requestsMin }
  return { read: createAdmission(options), write: createAdmission(options) }
}
