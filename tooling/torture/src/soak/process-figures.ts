import { readdir, readFile, readlink } from 'node:fs/promises'

/** The resources of a process. Undefined except on Linux, which has `/proc`. */
export interface ProcessFigures {
  readonly rssMegabytes: number | undefined
  readonly descriptors: number | undefined
  readonly sockets: number | undefined
}

const megabytes = (status: string, name: string): number | undefined => {
  const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1_024
}

const statusOf = (pid: number): Promise<string> => readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')

export const processFigures = async (pid: number): Promise<ProcessFigures> => {
  const folder = `/proc/${pid}/fd`
  const names = await readdir(folder).catch(() => undefined)
  // readlink fails for a descriptor that was closed in the meantime. It does not count as a socket.
  const targets = await Promise.all((names ?? []).map((name) => readlink(`${folder}/${name}`).catch(() => '')))
  return {
    rssMegabytes: megabytes(await statusOf(pid), 'VmRSS'),
    descriptors: names?.length,
    sockets: names && targets.filter((target) => target.startsWith('socket:')).length,
  }
}

/** Returns the private memory of processes in megabytes, which excludes shared memory. */
export const privateMegabytes = async (pids: readonly number[]): Promise<number | undefined> => {
  const all = await Promise.all(pids.map(async (pid) => megabytes(await statusOf(pid), 'RssAnon')))
  return all.reduce((sum, each) => (sum === undefined || each === undefined ? undefined : sum + each), 0)
}
