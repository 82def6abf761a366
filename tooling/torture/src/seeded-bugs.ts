import { readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { serviceProgram } from '@holdfast/testbed/service-process'
import type { Disturbance } from './bed/disturbances.ts'

/** A bug as one change of the built service's text. */
export interface SeededBug {
  readonly find: string
  readonly replace: string
  /** What brings it to light. */
  readonly disturbance: Disturbance
}

/** Bugs that the checker must find. */
export const seededBugs = {
  'a read that returns what the previous read saw': {
    find: 'const row = await batchers.get(context, operation);',
    replace: `const seen = globalThis.seen ??= new Map();
      const fresh = await batchers.get(context, operation);
      const row = seen.has(operation.key) && Math.random() < 0.2 ? seen.get(operation.key) : fresh;
      seen.set(operation.key, fresh);`,
    disturbance: 'nothing',
  },
  'a compare-and-set that compares nothing': {
    find: '((asked.if_match is null\n',
    replace: '((true\n',
    disturbance: 'nothing',
  },
  'an increment that is added twice': {
    find: '+ sum(asked.by) over (',
    replace: '+ 2 * sum(asked.by) over (',
    disturbance: 'nothing',
  },
  'a put that renews the created version': {
    find: '`n.version - i.version + coalesce(i.created_offset, 0)`',
    replace: '`null::bigint`',
    disturbance: 'nothing',
  },
  'a write whose record is left out, so that a repeat is applied again': {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the bundle has this template
    find: '        where ${write.done}\n',
    replace: '        where false\n',
    disturbance: 'connections of clients cut',
  },
} as const satisfies Readonly<Record<string, SeededBug>>

/**
 * Uses a copy of the built service that has one bug. It lies beside the original, where all that it imports is found.
 * @throws where the text to change is not there exactly once
 */
export const withSeededBug = async <T>(name: string, { find, replace }: SeededBug, use: (program: string) => Promise<T>): Promise<T> => {
  const original = serviceProgram('api')
  const parts = (await readFile(original, 'utf8')).split(find)
  if (parts.length !== 2) throw new Error(`the text of "${name}" is in the built service ${parts.length - 1} times; expected once`)
  const program = join(dirname(original), `seeded-${name.replaceAll(/\W+/g, '-')}.mjs`)
  await writeFile(program, parts.join(replace))
  try {
    return await use(program)
  } finally {
    await rm(program)
  }
}
