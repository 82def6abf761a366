import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Microseconds per tick of the CPU times in `/proc` (USER_HZ is 100 on Linux). */
const tickMicros = 10_000

/** Returns the parent and the CPU time of a process in microseconds. */
const readProcess = (pid: string) => {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { parent: fields[1], micros: (Number(fields[11]) + Number(fields[12])) * tickMicros }
}

const isRunning = (pid: string): boolean => {
  try {
    return readProcess(pid).micros >= 0
  } catch {
    return false
  }
}

/** CPU times in microseconds since the start of the processes. NaN except on Linux, which has `/proc`. */
export interface CpuTimes {
  readonly server: number
  readonly postgres: number
}

/** Reads the CPU time of a server, and of all processes of the PostgreSQL in the data folder of Holdfast. */
export const readCpuTimes = (serverPid: number | undefined, dataDir: string): CpuTimes => {
  try {
    const [postmaster = ''] = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')
    const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isRunning(name))
    const backends = processes.map(readProcess).filter(({ parent }) => parent === postmaster)
    const postgres = backends.reduce((sum, { micros }) => sum + micros, readProcess(postmaster).micros)
    return { server: readProcess(String(serverPid)).micros, postgres }
  } catch {
    return { server: Number.NaN, postgres: Number.NaN }
  }
}
