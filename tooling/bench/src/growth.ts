import type { Sql } from 'postgres'
import { fill } from './database.js'
import { keyOf, valueText } from './workload.js'

/** Latencies of sequential requests on a table with `keys` rows. */
export interface Growth {
  readonly keys: number
  readonly figures: readonly { readonly name: string; readonly ms: number }[]
}

const repetitions = 300

const medianMs = async (url: string): Promise<number> => {
  const times: number[] = []
  for (let n = 0; n < repetitions; n++) {
    const started = performance.now()
    const response = await fetch(url)
    await response.arrayBuffer()
    if (response.status !== 200) throw new Error(`${url} returned status ${response.status}; expected 200`)
    times.push(performance.now() - started)
  }
  return times.sort((a, b) => a - b)[repetitions / 2] ?? Number.NaN
}

const measureAt = async (port: number, sql: Sql, keys: number): Promise<Growth> => {
  await fill(sql, valueText(40), keys)
  const at = (path: string) => `http://127.0.0.1:${port}${path}`
  const requests = [
    ['read an item', at(`/items/${keyOf(keys >> 1)}`)],
    ['first page with its total', at('/items?page_size=10')],
    ['first page without a total', at('/items?page_size=10&count=none')],
    ['first page, grouped by a delimiter', at('/items?page_size=10&delimiter=-&count=none')],
    ['page in the middle, after a key', at(`/items?page_size=10&start_after=${keyOf(keys >> 1)}`)],
    ['last page, after a key', at(`/items?page_size=10&start_after=${keyOf(keys - 11)}`)],
  ] as const
  const figures = []
  for (const [name, url] of requests) {
    await medianMs(url)
    figures.push({ name, ms: await medianMs(url) })
  }
  return { keys, figures }
}

/** Measures latencies on tables of 1,000 keys and each larger power of ten up to `keysMax`. */
export const measureGrowth = async (port: number, sql: Sql, keysMax: number): Promise<Growth[]> => {
  const growth: Growth[] = []
  for (let keys = 1_000; keys <= keysMax; keys *= 10) growth.push(await measureAt(port, sql, keys))
  return growth
}
