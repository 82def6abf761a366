import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolder } from './lib/package-folder.js'

/** Returns the version in `package.json`. */
export const version = (): string => JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')).version
