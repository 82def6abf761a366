import type { Send } from '../call.js'
import type { Codec } from '../codec.js'
import type { ChangePage, HasValues, WatchEvent } from './change-events.js'
import type { Connection } from './change-stream.js'
import { type ChangesOptions, createListChanges } from './list-changes.js'
import { createMirror, type Mirror, type MirrorOptions } from './mirror.js'
import { createWatch, type WatchOptions } from './watch.js'

/** Follows the changes of items. `Out` is the type of their values. */
export interface Changes<Out> {
  /**
   * Watches items. Opens a stream when the iteration starts, and opens it again after errors, from the last event: each change comes once,
   * and the changes of a key come in order. Break out of the loop, or abort `signal`, to close the connection.
   * @throws InvalidArgumentError; during the iteration the HoldfastError that no reconnect can help, such as UnauthenticatedError,
   * StoredValueMismatchError from `client.typed(schema)`, or the reason of `signal`
   * @example
   * for await (const event of client.watch({ prefix: 'config/', snapshot: true })) {
   *   if (event.type === 'put') config.set(event.key, event.value)
   *   else if (event.type === 'delete' || event.type === 'expire') config.delete(event.key)
   *   else if (event.type === 'reset') config.clear() // a new snapshot follows
   * }
   */
  watch<const Options extends WatchOptions = object>(
    options?: Options,
  ): AsyncGenerator<WatchEvent<Out, HasValues<Options>>, void, undefined>
  /**
   * Keeps a copy of items in memory that stays current. Close it if you do not need it any more.
   * @throws InvalidArgumentError
   * @example
   * const config = await client.mirror({ prefix: 'config/' }).ready
   * config.on('change', ({ type, key }) => console.log(type, key))
   * console.log(config.get('config/mode')?.value)
   * await config.close()
   */
  mirror(options?: MirrorOptions): Mirror<Out>
  /**
   * Reads the changes after a cursor by pages, up to the last change. Use it to poll: store the cursor of each page after you have
   * processed the page.
   * @throws InvalidArgumentError; during the iteration CursorGoneError if the log does not have the changes any more
   * @example
   * for await (const { changes, cursor } of client.changes({ prefix: 'orders/', cursor: saved })) {
   *   for (const change of changes) await apply(change)
   *   saved = cursor
   * }
   */
  changes<const Options extends ChangesOptions = object>(
    options?: Options,
  ): AsyncGenerator<ChangePage<Out, HasValues<Options>>, void, undefined>
}

/** Creates the methods that follow changes. */
export const createChanges = <Out>(send: Send, connection: Connection, codec: Codec<never, Out>): Changes<Out> => ({
  watch: createWatch(connection, codec) as Changes<Out>['watch'],
  mirror: createMirror(connection, codec),
  changes: createListChanges(send, codec) as Changes<Out>['changes'],
})
