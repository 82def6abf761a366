import { putLoad } from './put-load.js'

// A process of its own for each measurement: told what to do by its parent, whom it tells what it measured.
process.on('message', async (load: Parameters<typeof putLoad>[0]) => {
  process.send?.(await putLoad(load))
  process.exit(0)
})
