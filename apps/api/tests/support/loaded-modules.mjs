// Preloaded into a process, this writes the name of each file that is loaded as a module.
import { writeSync } from 'node:fs'
import { registerHooks } from 'node:module'

registerHooks({
  load: (url, context, next) => {
    if (url.startsWith('file:')) writeSync(2, `loaded ${url}\n`)
    return next(url, context)
  },
})
