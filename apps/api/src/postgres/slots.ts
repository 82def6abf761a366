import { NotConnected } from './errors.js'
import type { Session } from './sessions/session.js'
import type { Sessions } from './sessions/sessions.js'

/** A place for one session. It is empty until it is needed, and again after its session was lost. */
export interface Slot {
  session: Session | undefined
  opening: Promise<Session> | undefined
  /** Whether its session was given up, and the server has not ended it: meanwhile there is no other in its place. */
  abandoned: boolean
  /** Statements that wait for an answer. */
  inFlight: number
}

/** How far connections are used. */
export interface ConnectionUse {
  readonly max: number
  /** Those that wait for an answer, and those that were given up and that the server has not ended. */
  readonly busy: number
  /** Those that were given up for new ones since the start. */
  readonly replaced: number
}

/** Places for a bounded number of sessions: the server never has more of them, abandoned ones included. */
export interface Slots {
  readonly all: readonly Slot[]
  /** The slot with the fewest statements, an open one first; undefined if all are abandoned. */
  freest(): Slot | undefined
  /**
   * The session of a slot, which is opened if there is none.
   * @throws NotConnected
   */
  sessionOf(slot: Slot): Session | Promise<Session>
  /** Gives up the slot's session. `cancel`: whether a statement is left on it. */
  giveUp(slot: Slot, session: Session, cancel: boolean): void
  use(): ConnectionUse
  /** Lets what runs finish, for `timeoutMs` at most, and closes. */
  end(timeoutMs: number): Promise<void>
}

export const createSlots = (sessions: Sessions, count: number): Slots => {
  const all: Slot[] = Array.from({ length: count }, () => ({ session: undefined, opening: undefined, abandoned: false, inFlight: 0 }))
  let replaced = 0
  let ending = false

  const open = async (slot: Slot): Promise<Session> => {
    try {
      const session = await sessions.open()
      if (ending) {
        session.drop()
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

  return {
    all,
    freest: () => {
      let best: Slot | undefined
      for (const slot of all) {
        if (slot.abandoned) continue
        if (slot.inFlight === 0 && slot.session?.isOpen()) return slot
        if (best === undefined || slot.inFlight < best.inFlight) best = slot
      }
      return best
    },
    sessionOf: (slot) => {
      const { session } = slot
      if (session?.isOpen()) return session
      slot.opening ??= open(slot)
      return slot.opening
    },
    giveUp: (slot, session, cancel) => {
      if (slot.session !== session || slot.abandoned) {
        if (cancel && session.isOpen()) sessions.abandon(session, true)
        return
      }
      slot.abandoned = true
      sessions.abandon(session, cancel).then(() => {
        slot.abandoned = false
      })
    },
    use: () => ({ max: count, busy: all.filter(({ inFlight, abandoned }) => inFlight > 0 || abandoned).length, replaced }),
    end: async (timeoutMs) => {
      ending = true
      await Promise.all(all.map(({ session }) => session?.client.end({ timeout: timeoutMs / 1000 })))
      for (const { session } of all) session?.drop()
    },
  }
}
