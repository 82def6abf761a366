/** The share of a byte budget that one request holds. */
export interface ByteLease {
  /** Extends the share to the `bytes` that have arrived so far. Returns false if they exceed the budget. */
  readonly cover: (bytes: number) => boolean
  readonly release: () => void
}

/** A limit on the total bytes of all requests in a process. */
export interface ByteBudget {
  /**
   * Reserves bytes for a request. A large request waits until the budget has room.
   * @throws the error of `rejection` if the wait exceeds `maxWaitMs`, or if too many requests wait
   */
  reserve(bytes: number): ByteLease | Promise<ByteLease>
  use(): { readonly max: number; readonly used: number; readonly waiting: number }
}

export interface ByteBudgetOptions {
  readonly bytesMax: number
  /** The maximum wait of a large request. Milliseconds. */
  readonly maxWaitMs?: number
  /** After this time, a large request holds only the bytes that have arrived. Milliseconds. */
  readonly slowMs?: number
  readonly rejection: () => Error
}

/** Requests of at most this size do not wait. */
const smallBytes = 65_536
const waitingMax = 1_000

interface Waiting {
  readonly bytes: number
  readonly admit: () => void
}

/**
 * Creates a byte budget. A request reserves all bytes that it announces, so that an admitted request can finish. A slow sender holds only
 * the bytes that have arrived, so that it cannot block other clients. A request that is larger than the budget runs while no other large
 * request does.
 */
export const createByteBudget = ({ bytesMax, maxWaitMs = 2_000, slowMs = 1_000, rejection }: ByteBudgetOptions): ByteBudget => {
  let used = 0
  let large = 0
  const waiting = new Set<Waiting>()

  const fits = (bytes: number): boolean => used + bytes <= bytesMax || (large === 0 && bytes > smallBytes)

  const admitWaiting = (): void => {
    for (const next of waiting) {
      if (!fits(next.bytes)) return
      next.admit()
    }
  }

  const lease = (bytes: number): ByteLease => {
    const isLarge = bytes > smallBytes
    let counted = bytes
    let arrived = 0
    const setCounted = (bytesNow: number): void => {
      used += bytesNow - counted
      counted = bytesNow
    }
    if (isLarge) large++
    used += bytes
    const timer = isLarge
      ? setTimeout(() => {
          setCounted(Math.min(counted, arrived))
          admitWaiting()
        }, slowMs)
      : undefined
    return {
      cover: (all) => {
        arrived = all
        if (all <= counted) return true
        if (used + all - counted > bytesMax && !(isLarge && large === 1)) return false
        setCounted(all)
        return true
      },
      release: () => {
        clearTimeout(timer)
        setCounted(0)
        if (isLarge) large--
        if (waiting.size > 0) admitWaiting()
      },
    }
  }

  const wait = (bytes: number): Promise<ByteLease> =>
    new Promise((resolve, reject) => {
      if (waiting.size >= waitingMax) {
        reject(rejection())
        return
      }
      const timer = setTimeout(() => {
        waiting.delete(entry)
        reject(rejection())
        admitWaiting()
      }, maxWaitMs)
      const entry: Waiting = {
        bytes,
        admit: () => {
          clearTimeout(timer)
          waiting.delete(entry)
          resolve(lease(bytes))
        },
      }
      waiting.add(entry)
    })

  return {
    reserve: (bytes) => {
      if (bytes <= smallBytes) {
        if (used + bytes > bytesMax) throw rejection()
        return lease(bytes)
      }
      return waiting.size === 0 && fits(bytes) ? lease(bytes) : wait(bytes)
    },
    use: () => ({ max: bytesMax, used, waiting: waiting.size }),
  }
}
