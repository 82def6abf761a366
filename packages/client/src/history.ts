import type { Send } from './call.js'
import { checkOptions } from './check-options.js'
import { type Conditions, conditionHeaders, conditionNames } from './conditions.js'
import { named, typeName } from './describe.js'
import { InvalidArgumentError } from './errors.js'
import { bodyMembers, type Expiry, expiryNames } from './expiry.js'
import { camelCased } from './names.js'
import { type CallOptions, callNames, type WriteOptions, writeNames } from './options.js'
import type { Item, Query, Response, VersionEntry } from './types.js'

/** The version of an item that a read wants. At most one of these options; without one, the current version. */
export interface VersionSelector {
  /**
   * A version, current or old. If the history does not keep it, the call throws a {@link VersionNotKeptError}.
   * @default the current version
   */
  readonly version?: string | undefined
  /**
   * The time as of which the item is read: a Date, or an RFC 3339 time such as `2026-11-20T19:26:00Z`. It must not be in the future.
   * @default now
   */
  readonly at?: string | Date | undefined
}

/** Options of {@link Items.get} and {@link Items.getOrThrow}. */
export interface GetOptions extends VersionSelector, CallOptions {}

/** Options of {@link Items.versions}. */
export interface VersionsOptions extends CallOptions {
  /**
   * Largest number of versions that a request reads: 1 to 100.
   * @default 100
   */
  readonly pageSize?: number | undefined
  /**
   * `false` omits the values.
   * @default true
   */
  readonly values?: boolean | undefined
}

/** Options of {@link Items.restore}. */
export interface RestoreOptions extends Expiry, Conditions, WriteOptions {}

/** The methods of the history of items. */
export interface History<Out> {
  /**
   * Iterates over the versions of the item, from the newest: the current one, and the old ones that the namespace keeps (`historyCount`,
   * `historySeconds`). Includes versions before the item was deleted.
   * @example
   * for await (const { version, value, ended } of client.versions('user-config')) console.log(version, ended, value)
   */
  versions<const Options extends VersionsOptions = object>(
    key: string,
    options?: Options,
  ): AsyncGenerator<VersionEntry<Out, Options>, void, undefined>
  /**
   * Puts the value of an old version, as a new version. Creates the item if it was deleted. Without an expiry it becomes permanent.
   * @throws VersionNotKeptError, PreconditionFailedError
   */
  restore(key: string, version: string, options?: RestoreOptions): Promise<Item<Out>>
}

export const getNames = { ...callNames, version: '', at: '' } satisfies Record<keyof GetOptions, ''>
const versionsNames = { pageSize: '', values: '', ...callNames } satisfies Record<keyof VersionsOptions, ''>
const restoreNames = { ...expiryNames, ...conditionNames, ...writeNames } satisfies Record<keyof RestoreOptions, string>

/** Returns the time of a request. @throws InvalidArgumentError */
export const timeText = (what: string, at: string | Date | undefined): string | undefined => {
  if (!(at instanceof Date)) return at
  if (Number.isNaN(at.getTime())) throw new InvalidArgumentError(`${what}: at is an invalid Date`)
  return at.toISOString()
}

/** Returns the query of a read. @throws InvalidArgumentError */
export const versionQuery = (what: string, { version, at }: VersionSelector): Query<'getItem'> => {
  if (version !== undefined && at !== undefined) throw new InvalidArgumentError(`${what}: give only one of version and at`)
  return { version, at: timeText(what, at) }
}

type ItemBody = Response<'putItem', 200>

/** Creates the methods of the history. `decoded` reads an item of a response. */
export const createHistory = <Out>(send: Send, decoded: (body: ItemBody) => Promise<Item<Out>>): History<Out> => {
  async function* versions(key: string, options: VersionsOptions = {}) {
    const what = named('versions', key)
    checkOptions(what, options, versionsNames, true)
    const { pageSize = 100, values = true } = options
    let cursor: string | undefined
    do {
      const query = { page_size: pageSize, values: values ? 'true' : 'false', cursor } as const
      const { body } = await send(what, 'listItemVersions', { params: { key }, query }, options)
      for (const version of body.versions) {
        yield values ? { ...camelCased(version), ...(await decoded(version as ItemBody)) } : camelCased(version)
      }
      cursor = body.next_cursor ?? undefined
    } while (cursor !== undefined)
  }

  return {
    versions: versions as unknown as History<Out>['versions'],
    restore: async (key, version, options = {}) => {
      const what = named('restore', key)
      checkOptions(what, options, restoreNames)
      if (typeof version !== 'string') throw new InvalidArgumentError(`${what}: the version must be a string, not ${typeName(version)}`)
      const body = { version, ...bodyMembers(what, options, expiryNames) }
      return decoded((await send(what, 'restoreItem', { params: { key }, headers: conditionHeaders(what, options), body }, options)).body)
    },
  }
}
