import { type ServerProof, UnfitServer } from './server-proof.js'

/** Which cluster a service writes to, and how far its timeline has come. */
export interface ServerIdentity {
  readonly systemIdentifier: string | null
  readonly timeline: number | null
}

export interface KnownServer {
  readonly identity: () => ServerIdentity | undefined
  /**
   * Takes note of the server that a connection reached.
   * @throws UnfitServer if it is another cluster, or a primary from before a failover that this process knows of
   */
  readonly meet: (proof: ServerIdentity) => void
}

/** What a proof says of the server's identity. */
export const identityOf = (proof: ServerProof): ServerIdentity => ({ systemIdentifier: proof.system_identifier, timeline: proof.timeline })

const laterTimeline = (a: number | null, b: number | null): number | null => (a === null || b === null ? (a ?? b) : Math.max(a, b))

/**
 * Remembers the server of a process, so that a connection never ends at another one that holds other data.
 * @param initial the server that another process of the service has met
 * @param onPromoted called when a server is met whose timeline is later than that of all before
 */
export const createKnownServer = (initial: ServerIdentity | undefined, onPromoted: (identity: ServerIdentity) => void): KnownServer => {
  let known = initial
  return {
    identity: () => known,
    meet: (met) => {
      if (known === undefined) {
        known = met
        return
      }
      const { systemIdentifier, timeline } = known
      if (systemIdentifier !== null && met.systemIdentifier !== null && met.systemIdentifier !== systemIdentifier) {
        throw new UnfitServer(
          `the server is another cluster (system identifier ${met.systemIdentifier}, not ${systemIdentifier}); restart the service if that is meant`,
        )
      }
      if (timeline !== null && met.timeline !== null && met.timeline < timeline) {
        throw new UnfitServer(
          `the server is a primary from before a failover (timeline ${met.timeline}, while ${timeline} is known); stop it, or make it a standby`,
        )
      }
      known = { systemIdentifier: systemIdentifier ?? met.systemIdentifier, timeline: laterTimeline(timeline, met.timeline) }
      if (timeline !== null && met.timeline !== null && met.timeline > timeline) onPromoted(known)
    },
  }
}
