import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { packageFolder } from '../../src/lib/package-folder.js'
import { useApi } from '../support/api.js'
import { scrape } from '../support/exposition.js'

const root = resolve(packageFolder, '..', '..')
const read = (file: string) => readFileSync(join(root, 'docs', file), 'utf8')

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[]
}
const dashboard: { readonly title: string; readonly uid: string; readonly panels: readonly Panel[] } = JSON.parse(
  read('operations/grafana-dashboard.json'),
)

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}
const alerts: { readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[] } = parse(
  read('operations/alerts.yaml'),
)
const rules = alerts.groups.flatMap((group) => group.rules)

/** Returns the names of the metrics in a PromQL query. */
const metricsOf = (query: string): string[] => query.match(/\b(?:holdfast|nodejs|process)_\w+/g) ?? []

/** Returns the names of all samples of a metric family. */
const sampleNames = (name: string, type: string): string[] =>
  type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name + part) : [name]

describe('documented metrics', () => {
  const api = useApi()
  // Some metrics have no samples before the first request.
  beforeAll(() => api.request('PUT', '/items/a', { json: { value: 1 } }))
  const served = async () => {
    const { families } = await scrape(api.url)
    return new Set([...families].flatMap(([name, { type }]) => sampleNames(name, type)))
  }

  test('docs/operations.md lists all metrics with their types', async () => {
    const { families } = await scrape(api.url)
    const own = [...families].filter(([name]) => name.startsWith('holdfast_')).map(([name, { type }]) => `${name} ${type}`)
    const listed = [...read('operations.md').matchAll(/^\| `(holdfast_\w+)(?:\{[\w, ]+\})?` \| (\w+) \|/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    )
    expect(listed.sort()).toEqual(own.sort())
  })

  test('docs/operations.md lists the labels of all metrics', async () => {
    const { families, samples } = await scrape(api.url)
    for (const [, name = '', labels = ''] of read('operations.md').matchAll(/^\| `(holdfast_\w+)(?:\{([\w, ]+)\})?`/gm)) {
      const names = new Set(sampleNames(name, families.get(name)?.type ?? ''))
      const seen = samples.filter((sample) => names.has(sample.name)).flatMap((sample) => Object.keys(sample.labels))
      expect([...new Set(seen)].filter((label) => label !== 'le').sort(), name).toEqual(labels === '' ? [] : labels.split(', ').sort())
    }
  })

  test('the dashboard uses only existing metrics', async () => {
    const names = await served()
    const used = dashboard.panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => metricsOf(expr)))
    expect(used.length).toBeGreaterThan(30)
    expect(used.filter((name) => !names.has(name))).toEqual([])
  })

  test('the alerts use only existing metrics', async () => {
    const names = await served()
    for (const { alert, expr } of rules) {
      expect(metricsOf(expr).length, alert).toBeGreaterThan(0)
      expect(
        metricsOf(expr).filter((name) => !names.has(name)),
        alert,
      ).toEqual([])
    }
  })

  test('the dashboard shows every metric', async () => {
    const { families } = await scrape(api.url)
    const text = JSON.stringify(dashboard)
    const own = [...families.keys()].filter((name) => name.startsWith('holdfast_'))
    expect(own.filter((name) => !text.includes(name))).toEqual([])
  })
})

/** Tells whether all brackets outside strings are balanced. */
const isBalanced = (query: string): boolean => {
  const open: string[] = []
  for (const [bracket] of query.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').matchAll(/[()[\]{}]/g)) {
    if ('([{'.includes(bracket)) open.push(bracket)
    else if (open.pop() !== { ')': '(', ']': '[', '}': '{' }[bracket]) return false
  }
  return open.length === 0
}

describe('the files of docs/operations', () => {
  test('the dashboard has panels with unique ids and positions, and balanced queries', () => {
    expect([dashboard.title, dashboard.uid]).toEqual(['Holdfast', 'holdfast'])
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    const cells = dashboard.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(dashboard.panels.every(({ gridPos: { w, x } }) => x + w <= 24)).toBe(true)
    for (const { title, targets = [] } of dashboard.panels) {
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length)
      for (const { expr } of targets) expect(isBalanced(expr), expr).toBe(true)
    }
  })

  test('each alert has a unique name, a severity and annotations', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    for (const { alert, expr, for: duration, labels, annotations } of rules) {
      expect(alert).toMatch(/^Holdfast[A-Z]\w+$/)
      expect(isBalanced(expr), expr).toBe(true)
      expect(duration ?? '0m').toMatch(/^\d+[smh]$/)
      expect(['warning', 'critical']).toContain(labels.severity)
      expect(annotations.summary.length * annotations.description.length).toBeGreaterThan(0)
    }
  })
})
