import type { Routes } from '@holdfast/contracts'
import type { z } from 'zod'
import type { CamelCased } from '../names.js'
import type { Chosen, Item, ItemMetadata, Response } from '../types.js'

type StreamEvents = Routes['watch']['responses'][200]['events']
type EventData<Type extends keyof StreamEvents> = Readonly<CamelCased<z.output<StreamEvents[Type]>>>

/** Whether the options ask for values: true, false, or boolean if that is not known before the program runs. */
export type HasValues<Options> =
  Chosen<Options, 'values'> extends infer Values ? (Values extends undefined ? true : Extract<Values, boolean>) : never

type Selected<Value, Values extends boolean> = Values extends true ? Item<Value> : ItemMetadata

interface Positioned {
  /**
   * The cursor with which a later watch continues after this event. Undefined in a snapshot before `ready`.
   */
  readonly cursor: string | undefined
}

/** An item was created or replaced, or belongs to a snapshot. `created` and `tx` are undefined in a snapshot. */
export type PutEvent<Value = unknown, Values extends boolean = true> = Selected<Value, Values> &
  Pick<EventData<'put'>, 'created' | 'tx'> &
  Positioned & { readonly type: 'put' }

/** An item was deleted. `version` is the version of the item that ended, and `at` the time. */
export interface DeleteEvent extends EventData<'delete'>, Positioned {
  readonly type: 'delete'
}

/** An item expired. `version` is the version of the item that ended, and `at` the time. */
export interface ExpireEvent extends EventData<'expire'>, Positioned {
  readonly type: 'expire'
}

/** The snapshot is complete. Without a snapshot, the first event. */
export interface ReadyEvent {
  readonly type: 'ready'
  readonly cursor: string
}

/**
 * Changes before this event are missing, so discard what you know. With `snapshot: true` a new snapshot follows. Otherwise list the
 * items now. The reason `reconnected` means that the connection broke before the snapshot was complete.
 */
export interface ResetEvent extends Positioned {
  readonly type: 'reset'
  readonly reason: EventData<'reset'>['reason'] | 'reconnected'
}

/** An event of a watch. */
export type WatchEvent<Value = unknown, Values extends boolean = true> =
  | PutEvent<Value, Values>
  | DeleteEvent
  | ExpireEvent
  | ReadyEvent
  | ResetEvent

type ChangeBody = CamelCased<Response<'listChanges', 200>['changes'][number]>

/** A change in a page of changes. */
export type Change<Value = unknown, Values extends boolean = true> =
  | (Selected<Value, Values> & Readonly<Pick<Extract<ChangeBody, { type: 'put' }>, 'type' | 'created' | 'tx'>>)
  | Readonly<Exclude<ChangeBody, { type: 'put' }>>

/** A page of changes. `more` tells whether further changes are known already. */
export interface ChangePage<Value = unknown, Values extends boolean = true> {
  readonly changes: readonly Change<Value, Values>[]
  /** Continues after this page. */
  readonly cursor: string
  readonly more: boolean
}
