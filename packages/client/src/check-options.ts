import { quoted, typeName } from './describe.js'
import { InvalidArgumentError } from './errors.js'
import { nearestName } from './nearest-name.js'
import { callNames } from './options.js'

/** Returns the error in the options of a method, or undefined if they are valid. `names` has the options of the method. */
export const optionsFault = (options: unknown, names: Readonly<Record<string, string>>, mayBeUndefined: boolean): string | undefined => {
  const known = Object.keys(names)
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return `options must be an object such as { ${known[0]}: … }, not ${typeName(options)}`
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(names, name)) {
      const nearest = nearestName(name, known)
      const hint = nearest === undefined ? `options are ${known.join(', ')}` : `did you mean ${nearest}?`
      return `unknown option ${quoted(name)}; ${hint}`
    }
    if (value === undefined && !mayBeUndefined && !Object.hasOwn(callNames, name)) {
      const hint = name === 'ifMatch' ? "; to write only if there is no item, use ifNoneMatch: '*'" : ''
      return `the option ${name} is undefined; omit it or give it a value${hint}`
    }
  }
  return undefined
}

/**
 * Checks the options of a method.
 * @param what the call, for messages
 * @param names the options of the method, with their names in the API except for call options
 * @param mayBeUndefined whether undefined means absent, as in reads. In a write, an option that is undefined by mistake would change the
 * effect.
 * @throws InvalidArgumentError
 */
export const checkOptions = (what: string, options: unknown, names: Readonly<Record<string, string>>, mayBeUndefined = false): void => {
  const fault = optionsFault(options, names, mayBeUndefined)
  if (fault !== undefined) throw new InvalidArgumentError(`${what}: ${fault}`)
}
