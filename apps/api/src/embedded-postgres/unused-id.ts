import { randomInt } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { StartError } from '@holdfast/server-kit'

/** The account without rights that every system has, and that unrelated programs share. */
export const nobody = process.platform === 'darwin' ? 4_294_967_294 : 65_534

/** Ranges that no distribution hands out, the widest first (systemd, "Users, Groups, UIDs and GIDs"). */
const ranges = [
  { first: 1_879_048_192, last: 2_147_483_646 },
  { first: 60_578, last: 61_183 },
]

/** Whether an id can be one that {@link unusedId} chose earlier. */
export const isReservedId = (id: number): boolean => ranges.some(({ first, last }) => id >= first && id <= last)

const readLines = (file: string): string[] => {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    // Not on this system.
    return []
  }
}

/** Whether a user namespace has an id (user_namespaces(7)); without namespaces every id exists. */
const isMapped = (map: readonly string[], id: number): boolean => {
  const spans = map.filter((line) => line !== '').map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number])
  return spans.length === 0 || spans.some(([first, , count]) => id >= first && id < first + count)
}

/** The ids that accounts, groups and running processes have. */
const usedIds = (): Set<number> => {
  const ids = ['/etc/passwd', '/etc/group'].flatMap(readLines).map((line) => Number(line.split(':')[2]))
  try {
    for (const name of readdirSync('/proc')) {
      const owner = /^\d+$/.test(name) ? statSync(`/proc/${name}`, { throwIfNoEntry: false })?.uid : undefined
      if (owner !== undefined) ids.push(owner)
    }
  } catch {
    // No /proc here.
  }
  return new Set(ids)
}

/**
 * Chooses an id, for a user and a group, that nothing else on this system uses.
 * @throws StartError where this user namespace has none
 */
export const unusedId = (): number => {
  const maps = [readLines('/proc/self/uid_map'), readLines('/proc/self/gid_map')]
  const used = usedIds()
  for (const { first, last } of ranges) {
    for (let attempts = 0; attempts < 100; attempts++) {
      const id = randomInt(first, last + 1)
      if (!used.has(id) && maps.every((map) => isMapped(map, id))) return id
    }
  }
  throw new StartError(
    'DATA_DIR: PostgreSQL does not run as root, and this container has no user id to spare for it. Start the service as an ordinary user.',
  )
}
