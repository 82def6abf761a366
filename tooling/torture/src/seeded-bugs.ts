import { readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { serviceProgram } from '@holdfast/testbed/service-process'
import type { Disturbance } from './bed/disturbances.ts'

/** A bug, seeded by replacing a text in the bundle of the service. */
export interface SeededBug {
  readonly find: string
  readonly replace: string
  /** The disturbance under which the bug becomes visible. */
  readonly disturbance: Disturbance
}

/** Bugs that the checker must detect. */
export const seededBugs = {
  'a read that returns the result of the previous read': {
    find: 'const row = await batchers.get(context, operation);',
    replace: `const seen = globalThis.seen ??= new Map();
      const fresh = await batchers.get(context, operation);
      const row = seen.has(operation.key) && Math.random() < 0.2 ? seen.get(operation.key) : fresh;
      seen.set(operation.key, fresh);`,
    disturbance: 'none',
  },
  'a compare-and-set without a comparison': {
    find: '((asked.if_match is null\n',
    replace: '((true\n',
    disturbance: 'none',
  },
  'an increment that is added twice': {
    find: '+ sum(asked.by) over (',
    replace: '+ 2 * sum(asked.by) over (',
    disturbance: 'none',
  },
  'a put that changes the created version': {
    find: '`n.version - i.version + coalesce(i.created_offset, 0)`',
    replace: '`null::bigint`',
    disturbance: 'none',
  },
  'a write without an idempotency record, so that a retry is applied again': {
    find: '        where a.done\n',
    replace: '        where false\n',
    disturbance: 'client connections reset',
  },
} as const satisfies Readonly<Record<string, SeededBug>>

/** Bugs of the change streams that the proof of watchers must detect. */
export const watchBugs = {
  'a tail that reads up to the last position that was taken': {
    find: 'candidates.findLastIndex((candidate) => candidate.writers.every((writer) => !open.has(writer)))',
    replace: 'candidates.length - 1',
    disturbance: 'none',
  },
  'a tail that ignores writers without a session, which prepared transactions are': {
    find: "where w.locktype = 'relation' and",
    replace: "where w.locktype = 'relation' and w.pid is not null and",
    disturbance: 'none',
  },
  'a snapshot that repeats changes which its pages have seen': {
    find: '!isSeen(change)',
    replace: 'true',
    disturbance: 'none',
  },
  'a stream that passes over the changes before it went live': {
    find: 'at < recent.start',
    replace: 'false',
    disturbance: 'services killed',
  },
} as const satisfies Readonly<Record<string, SeededBug>>

/**
 * Calls `use` with the path of a copy of the built service that has one bug. The copy is in the folder
 * of the original, so that its imports resolve.
 * @throws Error if the bundle does not contain the text to replace exactly once
 */
export const withSeededBug = async <T>(name: string, { find, replace }: SeededBug, use: (program: string) => Promise<T>): Promise<T> => {
  const original = serviceProgram('api')
  const parts = (await readFile(original, 'utf8')).split(find)
  if (parts.length !== 2) throw new Error(`the bundle contains the text of "${name}" ${parts.length - 1} times; expected once`)
  const program = join(dirname(original), `seeded-${name.replaceAll(/\W+/g, '-')}.mjs`)
  await writeFile(program, parts.join(replace))
  try {
    return await use(program)
  } finally {
    await rm(program)
  }
}
