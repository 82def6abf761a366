import { setTimeout as wait } from 'node:timers/promises'
import type { DisturbedBed } from './disturbed-bed.ts'
import { allReady } from './service-under-test.ts'

/** Longer than the attempt timeout of the clients, shorter than every timeout of the service. */
const pauseMs = 1_500
const resetCount = 8
/** Time between two resets, in which some requests can succeed. */
const resetIntervalMs = 40

const repeatReset = async (reset: () => void | Promise<void>): Promise<void> => {
  for (let n = 0; n < resetCount; n++) {
    await reset()
    await wait(resetIntervalMs)
  }
}

const randomElement = <T>(all: readonly T[]): T => all[Math.floor(Math.random() * all.length)] as T

/** Disturbances of services under load. Each resolves when all processes run again. */
export const disturbances = {
  none: async () => {},
  'services killed': async ({ services }) => {
    const service = randomElement(services)
    await service.kill()
    await service.start()
  },
  'PostgreSQL killed': async ({ database, services }) => {
    await database.kill()
    await database.start()
    await allReady(services)
  },
  'services paused': async ({ services }) => {
    const resume = randomElement(services).pause()
    await wait(pauseMs)
    resume()
  },
  'PostgreSQL paused': async ({ database }) => {
    const resume = await database.pause()
    await wait(pauseMs)
    resume()
  },
  'client connections reset': async ({ networks }) => repeatReset(() => randomElement(networks).cut()),
  'database connections terminated': async ({ connect }) => {
    const sql = connect()
    await repeatReset(async () => {
      await sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'holdfast' and state = 'active' and pid <> pg_backend_pid() limit 3`
    })
    await sql.end()
  },
} as const satisfies Readonly<Record<string, (bed: DisturbedBed) => Promise<void>>>

export type Disturbance = keyof typeof disturbances
