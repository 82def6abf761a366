import { endWith, misspeltSettings, run } from '@holdfast/server-kit'
import { readConfig, settingNames } from './config.js'
import { startService } from './service.js'

const main = async (): Promise<void> => {
  const config = readConfig(process.env)
  await run({
    settings: config,
    misspelt: misspeltSettings(settingNames, process.env),
    start: (logger) => startService(config, logger),
    describe: () => ({ log: { api: config.KV_SERVICE_URL }, launcher: {} }),
  })
}

main().catch((error: unknown) => endWith(error))
