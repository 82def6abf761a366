import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Microseconds per tick of the CPU times in `/proc` (USER_HZ is 100 on Linux). */
const tickMicros = 10_000

/** Returns the parent of a process, and the CPU times of itself and of its children that have ended, in microseconds (proc_pid_stat(5)). */
const readProcess = (pid: string) => {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15).map(Number)
  return { parent: fields[1], micros: (user + system) * tickMicros, endedMicros: (childrenUser + childrenSystem) * tickMicros }
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
    const { micros, endedMicros } = readProcess(postmaster)
    const postgres = backends.reduce((sum, backend) => sum + backend.micros, micros + endedMicros)
    return { server: readProcess(String(serverPid)).micros, postgres }
  } catch {
    return { server: Number.NaN, postgres: Number.NaN }
  }
}
