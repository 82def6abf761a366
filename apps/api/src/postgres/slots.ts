import { NotConnected } from './errors.js'
import type { Session } from './sessions/session.js'
import type { Sessions } from './sessions/sessions.js'

/** Holds one session of a pool. A slot is empty until its first statement, and after its session was lost. */
export interface Slot<S> {
  session: S | undefined
  opening: Promise<S> | undefined
  /** Whether the session was abandoned and its backend still runs. The slot takes no other session until the backend has ended. */
  abandoned: boolean
  /** The number of statements that wait for a response. */
  inFlight: number
}

export interface ConnectionUse {
  readonly max: number
  /** Connections that wait for a response, and abandoned ones whose backend still runs. */
  readonly busy: number
  /** Connections that were lost or abandoned since the start. */
  readonly replaced: number
}

/** A fixed number of slots, which bounds the sessions that exist on the server, including abandoned ones. */
export interface Slots<S> {
  readonly all: readonly Slot<S>[]
  /** Returns an idle slot, or else the one with the fewest statements, or undefined if all are abandoned. */
  leastBusy(): Slot<S> | undefined
  /**
   * Reserves an idle slot. Waits in line for up to `timeoutMs` if there is none.
   * @returns undefined after the timeout
   */
  reserve(timeoutMs: number): Promise<Slot<S> | undefined>
  /** Ends a statement of a slot, which may then be reserved. */
  release(slot: Slot<S>): void
  /**
   * Returns the session of a slot, or opens one.
   * @throws NotConnected
   */
  sessionOf(slot: Slot<S>): S | Promise<S>
  /** Abandons the session of a slot. `cancel` says whether a statement is still running on it. */
  abandon(slot: Slot<S>, session: S, cancel: boolean): void
  use(): ConnectionUse
  /** Waits up to `timeoutMs` for running statements and closes all sessions. */
  end(timeoutMs: number): Promise<void>
}

/** @param openSession opens the session of a slot */
export const createSlots = <S extends Session>(sessions: Sessions, count: number, openSession: () => Promise<S>): Slots<S> => {
  const all: Slot<S>[] = Array.from({ length: count }, () => ({ session: undefined, opening: undefined, abandoned: false, inFlight: 0 }))
  let replaced = 0
  let ending = false

  const open = async (slot: Slot<S>): Promise<S> => {
    try {
      const session = await openSession()
      if (ending) {
        session.destroy()
        throw new NotConnected('the service is stopping')
      }
      slot.session = session
      session.closed.then(() => {
        if (slot.session !== session) return
        slot.session = undefined
        replaced++
      })
      return session
    } finally {
      slot.opening = undefined
    }
  }

  const leastBusy = (): Slot<S> | undefined => {
    let best: Slot<S> | undefined
    for (const slot of all) {
      if (slot.abandoned) continue
      if (slot.inFlight === 0 && slot.session?.isOpen()) return slot
      if (best === undefined || slot.inFlight < best.inFlight) best = slot
    }
    return best
  }

  const waiting = new Set<(slot: Slot<S>) => void>()

  /** Gives a slot to the first in line if it is idle. */
  const offer = (slot: Slot<S>): void => {
    const [first] = waiting
    if (first !== undefined && slot.inFlight === 0 && !slot.abandoned) first(slot)
  }

  return {
    all,
    leastBusy,
    reserve: (timeoutMs) =>
      new Promise((resolve) => {
        const idle = waiting.size === 0 ? leastBusy() : undefined
        if (idle?.inFlight === 0) {
          idle.inFlight++
          resolve(idle)
          return
        }
        const take = (slot: Slot<S> | undefined): void => {
          clearTimeout(timer)
          waiting.delete(take)
          if (slot !== undefined) slot.inFlight++
          resolve(slot)
        }
        const timer = setTimeout(take, timeoutMs, undefined)
        waiting.add(take)
      }),
    release: (slot) => {
      slot.inFlight--
      offer(slot)
    },
    sessionOf: (slot) => {
      const { session } = slot
      if (session?.isOpen()) return session
      slot.opening ??= open(slot)
      return slot.opening
    },
    abandon: (slot, session, cancel) => {
      if (slot.session !== session || slot.abandoned) {
        if (cancel && session.isOpen()) sessions.abandon(session, true)
        return
      }
      slot.abandoned = true
      sessions.abandon(session, cancel).then(() => {
        slot.abandoned = false
        offer(slot)
      })
    },
    use: () => ({ max: count, busy: all.filter(({ inFlight, abandoned }) => inFlight > 0 || abandoned).length, replaced }),
    end: async (timeoutMs) => {
      ending = true
      await Promise.all(all.map(({ session }) => session?.finish(timeoutMs)))
      for (const { session } of all) session?.destroy()
    },
  }
}
