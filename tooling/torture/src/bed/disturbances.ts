import { setTimeout as wait } from 'node:timers/promises'
import type { DisturbedBed } from './disturbed-bed.ts'
import { allReady } from './service-under-test.ts'

/** Longer than the attempts of clients may take, shorter than all that the service waits for. Milliseconds. */
const pauseMs = 1_500
const cuts = 8
/** Between two cuts: time for some requests to get through. Milliseconds. */
const cutEveryMs = 40

const again = async (times: number, action: () => void | Promise<void>): Promise<void> => {
  for (let n = 0; n < times; n++) {
    await action()
    await wait(cutEveryMs)
  }
}

const anyOf = <T>(all: readonly T[]): T => all[Math.floor(Math.random() * all.length)] as T

/** What is done to services under load. Each ends when all is as it was before. */
export const disturbances = {
  nothing: async () => {},
  'services killed': async ({ services }) => {
    const service = anyOf(services)
    await service.kill()
    await service.start()
  },
  'PostgreSQL killed': async ({ database, services }) => {
    await database.kill()
    await database.start()
    await allReady(services)
  },
  'services stopped and continued': async ({ services }) => {
    const resume = anyOf(services).pause()
    await wait(pauseMs)
    resume()
  },
  'PostgreSQL stopped and continued': async ({ database }) => {
    const resume = await database.pause()
    await wait(pauseMs)
    resume()
  },
  'connections of clients cut': async ({ networks }) => again(cuts, () => anyOf(networks).cut()),
  'connections of services cut': async ({ connect }) => {
    const sql = connect()
    await again(cuts, async () => {
      await sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'holdfast' and state = 'active' and pid <> pg_backend_pid() limit 3`
    })
    await sql.end()
  },
} as const satisfies Readonly<Record<string, (bed: DisturbedBed) => Promise<void>>>

export type Disturbance = keyof typeof disturbances
