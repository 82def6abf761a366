import { JsonText } from '../lib/json-text.js'
import type { Change } from './change.js'

const putBody = (change: Change, wantValue: boolean) => ({
  key: change.key,
  value: wantValue ? new JsonText(change.value) : undefined,
  version: change.version,
  created_version: change.createdVersion ?? change.version,
  created_at: change.createdAt ?? change.at,
  updated_at: change.at,
  expires_at: change.expiresAt,
  created: change.createdVersion === change.version,
  tx: change.xid,
})

const endBody = ({ key, version, at, xid }: Change) => ({ key, version, at, tx: xid })

/** Returns the body of a change of an item in a response. */
export const changeBody = (change: Change, wantValue: boolean) => (change.kind === 'put' ? putBody(change, wantValue) : endBody(change))
