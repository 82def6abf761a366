/** Bytes of one request that are counted. */
export interface ByteLease {
  /** Is told how many bytes have arrived; answers whether there is room for them. */
  readonly cover: (bytes: number) => boolean
  readonly release: () => void
}

/** A bound on the bytes that all requests of a process hold together. */
export interface ByteBudget {
  /**
   * Counts the bytes of a request, and waits for room for a large one.
   * @throws the rejection if there is none in time, or too many wait
   */
  reserve(bytes: number): ByteLease | Promise<ByteLease>
  use(): { readonly max: number; readonly used: number; readonly waiting: number }
}

export interface ByteBudgetOptions {
  readonly bytesMax: number
  /** How long a large request waits for room. Milliseconds. */
  readonly patienceMs?: number
  /** After this time a request keeps room for the bytes only that have arrived. Milliseconds. */
  readonly slowMs?: number
  readonly rejection: () => Error
}

/** Requests up to here do not wait behind larger ones. */
const smallBytes = 65_536
const waitingMax = 1_000

interface Waiting {
  readonly bytes: number
  readonly enter: () => void
}

/**
 * Makes a byte budget. A request counts with the bytes that it says it has, so that what has begun can end; if it is slow to send them,
 * it counts with those that have arrived, so that slow senders cannot keep others out. One that is larger than the budget runs when no
 * other large one does.
 */
export const createByteBudget = ({ bytesMax, patienceMs = 2_000, slowMs = 1_000, rejection }: ByteBudgetOptions): ByteBudget => {
  let used = 0
  let large = 0
  const waiting = new Set<Waiting>()

  const fits = (bytes: number): boolean => used + bytes <= bytesMax || (large === 0 && bytes > smallBytes)

  const enterNext = (): void => {
    for (const next of waiting) {
      if (!fits(next.bytes)) return
      next.enter()
    }
  }

  const lease = (bytes: number): ByteLease => {
    const isLarge = bytes > smallBytes
    let counted = bytes
    let arrived = 0
    const recount = (now: number): void => {
      used += now - counted
      counted = now
    }
    if (isLarge) large++
    used += bytes
    const timer = isLarge
      ? setTimeout(() => {
          recount(Math.min(counted, arrived))
          enterNext()
        }, slowMs)
      : undefined
    return {
      cover: (all) => {
        arrived = all
        if (all <= counted) return true
        if (used + all - counted > bytesMax && !(isLarge && large === 1)) return false
        recount(all)
        return true
      },
      release: () => {
        clearTimeout(timer)
        recount(0)
        if (isLarge) large--
        if (waiting.size > 0) enterNext()
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
        enterNext()
      }, patienceMs)
      const entry: Waiting = {
        bytes,
        enter: () => {
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
