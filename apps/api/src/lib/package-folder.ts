import { findPackageJSON } from 'node:module'
import { dirname } from 'node:path'

/** The root folder of this package, for the source and for the built files. */
export const packageFolder = dirname(findPackageJSON('..', import.meta.url) ?? import.meta.dirname)
