import { findPackageJSON } from 'node:module'
import { dirname } from 'node:path'

/** The folder of this package, the same whether the source or the built file runs. */
export const packageFolder = dirname(findPackageJSON('..', import.meta.url) ?? import.meta.dirname)
