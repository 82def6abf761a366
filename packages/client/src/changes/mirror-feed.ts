import type { Codec } from '../codec.js'
import type { DeleteEvent, ExpireEvent, PutEvent, WatchEvent } from './change-events.js'
import type { StreamObserver } from './change-stream.js'
import type { MirrorMap } from './mirror-map.js'
import type { ServiceClock } from './service-clock.js'

/** Applies the events of a stream to the map of a mirror. */
export interface MirrorFeed {
  readonly apply: (event: WatchEvent) => Promise<void>
  readonly observer: StreamObserver
  /** Returns since when the map may be outdated, or undefined if it is current. */
  readonly staleSince: () => Date | undefined
  /** Marks the map as outdated from now on. */
  readonly stop: () => void
}

interface FeedOptions<Out> {
  readonly map: MirrorMap<Out>
  readonly clock: ServiceClock
  readonly codec: Codec<never, Out>
  /** Called whenever the map has all items. */
  readonly onComplete: () => void
  /** Called with the error of an item that the codec rejects. The map does not have the item. */
  readonly onMismatch: (error: unknown) => void
}

/** Creates the feed of a map, which starts with a snapshot. */
export const createMirrorFeed = <Out>({ map, clock, codec, onComplete, onMismatch }: FeedOptions<Out>): MirrorFeed => {
  let receivedAt = new Date()
  let staleSince: Date | undefined = receivedAt
  const markStale = (): void => {
    staleSince ??= receivedAt
  }

  const put = async ({ type, cursor, created, tx, ...item }: PutEvent): Promise<void> => {
    clock.hasPassed(item.updatedAt)
    try {
      map.put({ ...item, value: await codec.decode(item.value, item.key) })
    } catch (error) {
      map.end({ type: 'delete', key: item.key })
      onMismatch(error)
    }
  }
  const end = ({ type, key, at }: DeleteEvent | ExpireEvent): void => {
    clock.hasPassed(at)
    map.end({ type, key })
  }

  map.rebuild()
  return {
    apply: async (event) => {
      if (event.type === 'put') await put(event)
      else if (event.type === 'delete' || event.type === 'expire') end(event)
      else if (event.type === 'reset') {
        markStale()
        map.rebuild()
      } else {
        map.completeRebuild()
        staleSince = undefined
        onComplete()
      }
    },
    observer: {
      connected: (headers, sentAt) => {
        clock.compare(headers, sentAt)
        if (!map.isRebuilding()) staleSince = undefined
      },
      received: () => {
        receivedAt = new Date()
      },
      disconnected: markStale,
    },
    staleSince: () => staleSince,
    stop: markStale,
  }
}
