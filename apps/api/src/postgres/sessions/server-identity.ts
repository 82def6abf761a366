import { type ServerInfo, UnusableServer } from './server-info.js'

/** Identifies a database cluster and its timeline. */
export interface ServerIdentity {
  readonly systemIdentifier: string | null
  readonly timeline: number | null
}

export interface IdentityCheck {
  /** Returns the identity of the server that this process uses, or undefined before its first connection. */
  readonly current: () => ServerIdentity | undefined
  /**
   * Checks and remembers the server of a new connection.
   * @throws UnusableServer if the server is another cluster, or a former primary that a failover has replaced
   */
  readonly verify: (identity: ServerIdentity) => void
}

export const identityOf = (info: ServerInfo): ServerIdentity => ({ systemIdentifier: info.system_identifier, timeline: info.timeline })

const laterTimeline = (a: number | null, b: number | null): number | null => (a === null || b === null ? (a ?? b) : Math.max(a, b))

/**
 * Creates a check that all connections of a process reach the same cluster, on a timeline that never goes back.
 * @param initial the identity that another process of the service found
 * @param onPromotion called when a connection reaches a server with a later timeline than all before
 */
export const createIdentityCheck = (
  initial: ServerIdentity | undefined,
  onPromotion: (identity: ServerIdentity) => void,
): IdentityCheck => {
  let current = initial
  return {
    current: () => current,
    verify: (next) => {
      if (current === undefined) {
        current = next
        return
      }
      const { systemIdentifier, timeline } = current
      if (systemIdentifier !== null && next.systemIdentifier !== null && next.systemIdentifier !== systemIdentifier) {
        throw new UnusableServer(
          `the server belongs to another cluster (system identifier ${next.systemIdentifier}, not ${systemIdentifier}). If this is intended, restart the service.`,
        )
      }
      if (timeline !== null && next.timeline !== null && next.timeline < timeline) {
        throw new UnusableServer(
          `the server is a former primary (timeline ${next.timeline}; the current primary has ${timeline}). Stop it or make it a standby.`,
        )
      }
      current = { systemIdentifier: systemIdentifier ?? next.systemIdentifier, timeline: laterTimeline(timeline, next.timeline) }
      if (timeline !== null && next.timeline !== null && next.timeline > timeline) onPromotion(current)
    },
  }
}
