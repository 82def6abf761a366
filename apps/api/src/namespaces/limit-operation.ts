import { tooLarge } from '../items/item-errors.js'
import type { ItemOperation } from '../items/operation.js'
import { isLongerThan } from '../items/value-size.js'
import type { NamespaceSettings } from './namespace-settings.js'
import { limitedTtl } from './ttl-limits.js'

/**
 * What an operation may do to the number of items of its namespace. `keeps` creates nothing, but may keep an item from expiring that a
 * count takes to be gone.
 */
export type Effect = 'reads' | 'creates' | 'keeps' | 'removes'

/** Returns what an operation may do to the number of items. */
export const effectOf = (operation: ItemOperation): Effect => {
  switch (operation.op) {
    case 'get':
      return 'reads'
    case 'create':
    case 'increment':
      return 'creates'
    case 'put':
      return operation.ifMatch === null ? 'creates' : 'keeps'
    case 'patch':
    case 'touch':
      return 'keeps'
    case 'delete':
      return 'removes'
    default:
      return operation satisfies never
  }
}

/** Returns whether an operation returns the item as it was before. */
export const isRead = (operation: ItemOperation): boolean => {
  switch (operation.op) {
    case 'get':
      return true
    case 'delete':
      return operation.wantItem
    case 'put':
    case 'create':
    case 'patch':
    case 'touch':
    case 'increment':
      return false
    default:
      return operation satisfies never
  }
}

const limitAny = (settings: NamespaceSettings, operation: ItemOperation, path: string, checkValue: boolean): ItemOperation => {
  const valueBytesMax = settings.max_value_bytes ?? undefined
  switch (operation.op) {
    case 'get':
    case 'delete':
      return operation
    case 'put':
    case 'create':
      if (checkValue && valueBytesMax !== undefined && isLongerThan(operation.value, valueBytesMax)) throw tooLarge(valueBytesMax)
      return { ...operation, ttl: limitedTtl(settings, operation, path) }
    case 'patch':
      return { ...operation, ttl: operation.keepTtl ? null : limitedTtl(settings, operation, path), valueBytesMax }
    case 'touch':
      return { ...operation, ttl: limitedTtl(settings, operation, path) }
    case 'increment':
      return { ...operation, ttl: limitedTtl(settings, { ttl: operation.ttl, expiresAt: null, forever: false }, path) }
    default:
      return operation satisfies never
  }
}

interface LimitOptions {
  /** The object in the request that has the operation's members, for errors. Default: `body`. */
  readonly path?: string
  /** Whether to check the size of a value now. A transaction checks it when the operation is applied. Default: true. */
  readonly checkValue?: boolean
}

/**
 * Applies the settings of a namespace to an operation: its default and maximum ttl and the maximum size of a value.
 * @throws ApiError too_large, validation_failed
 */
export const limitOperation = <Op extends ItemOperation>(
  settings: NamespaceSettings,
  operation: Op,
  { path = 'body', checkValue = true }: LimitOptions = {},
): Op => limitAny(settings, operation, path, checkValue) as Op
