import type { Handlers } from '../http/handler.js'
import type { ChangeStreams } from './change-streams.js'
import { listChanges } from './list-changes.js'
import { watch, watchMany } from './watch-routes.js'

const unavailable = new Proxy({} as ChangeStreams, {
  get: () => {
    throw new Error('the change log is off')
  },
})

/** The handlers of the routes of changes. Without streams these routes are not mounted. */
export const changeHandlers = (streams: ChangeStreams = unavailable): Pick<Handlers, 'watch' | 'watchMany' | 'listChanges'> => ({
  watch: watch(streams),
  watchMany: watchMany(streams),
  listChanges: listChanges(streams),
})
