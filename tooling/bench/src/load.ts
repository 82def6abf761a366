import { generateLoad, type Load } from './generate-load.js'

// The load generator process. The parent sends the load and receives the measurement.
process.on('message', async (load: Load) => {
  process.send?.(await generateLoad(load))
  process.exit(0)
})
