import { randomInt } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { StartError } from '@holdfast/server-kit'

/** The unprivileged account that every system has and that unrelated programs share. */
export const nobody = process.platform === 'darwin' ? 4_294_967_294 : 65_534

/** Ranges of ids that no distribution assigns, the largest first (systemd, "Users, Groups, UIDs and GIDs"). */
const ranges = [
  { first: 1_879_048_192, last: 2_147_483_646 },
  { first: 60_578, last: 61_183 },
]

/** Tells whether {@link unusedId} could have chosen an id. */
export const isReservedId = (id: number): boolean => ranges.some(({ first, last }) => id >= first && id <= last)

const readLines = (file: string): string[] => {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    // This system has no such file.
    return []
  }
}

/** Tells whether the user namespace maps an id (user_namespaces(7)). Without namespaces, every id exists. */
const isMapped = (map: readonly string[], id: number): boolean => {
  const spans = map.filter((line) => line !== '').map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number])
  return spans.length === 0 || spans.some(([first, , count]) => id >= first && id < first + count)
}

/** Returns the ids of all accounts, groups and running processes. */
const usedIds = (): Set<number> => {
  const ids = ['/etc/passwd', '/etc/group'].flatMap(readLines).map((line) => Number(line.split(':')[2]))
  try {
    for (const name of readdirSync('/proc')) {
      const owner = /^\d+$/.test(name) ? statSync(`/proc/${name}`, { throwIfNoEntry: false })?.uid : undefined
      if (owner !== undefined) ids.push(owner)
    }
  } catch {
    // This system has no /proc.
  }
  return new Set(ids)
}

/**
 * Chooses an id for a user and a group that nothing else on this system uses.
 * @throws StartError if this user namespace has no free id
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
    'DATA_DIR: PostgreSQL does not run as root, and this container has no free user id for it. Start the service as an ordinary user.',
  )
}
