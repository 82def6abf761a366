import { inNamespace, keyInQuery, namespacedTag, type RouteContract, routes } from '@holdfast/contracts'
import { lintOpenapi } from '@holdfast/testbed/lint-openapi'
import { describe, expect, test } from 'vitest'
import { openapiOf } from '../support/openapi.js'

interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly security: readonly object[]
}

interface Document {
  readonly info: { readonly license: object }
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const documentOf = (settings: Parameters<typeof openapiOf>[0]) => openapiOf(settings) as unknown as Document

describe('the OpenAPI document', async () => {
  const whole = documentOf({ ROOT_KEYS: true, AUTH: true, CHANGE_LOG: true, METRICS_PORT: false })
  const operations = Object.values(whole.paths).flatMap((path) => Object.values(path))

  test.each([
    ['all routes', { ROOT_KEYS: true, AUTH: true, CHANGE_LOG: true, METRICS_PORT: false }],
    ['the default routes', { ROOT_KEYS: false, AUTH: false, CHANGE_LOG: true, METRICS_PORT: false }],
  ])('of %s passes two validators without an error or a warning', async (_which, settings) => {
    expect(await lintOpenapi(documentOf(settings))).toEqual([])
  })

  test('names its license by the SPDX identifier', () => {
    expect(whole.info.license).toEqual({ name: 'MIT License', identifier: 'MIT' })
  })

  test('says for each route whether it needs an API key', () => {
    for (const route of Object.values<RouteContract>(routes)) {
      const needsKey = route.errors.includes('unauthenticated')
      expect([route.path, whole.paths[route.path]?.[route.method]?.security]).toEqual([route.path, needsKey ? [{ api_key: [] }, {}] : []])
    }
  })

  test('has unique operation ids and a description for each tag', () => {
    const ids = operations.map(({ operationId }) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
    expect(new Set(operations.flatMap(({ tags }) => tags))).toEqual(new Set(whole.tags.map(({ name }) => name)))
    expect(whole.tags.every(({ description }) => description.length > 10)).toBe(true)
  })

  test('has a valid example of each request body', () => {
    for (const [id, { request }] of Object.entries<RouteContract>(routes)) {
      if (request.body === undefined) continue
      const examples = (request.body.meta()?.examples ?? []) as readonly unknown[]
      expect([id, examples.length > 0 && examples.every((example) => request.body?.safeParse(example).success)]).toEqual([id, true])
    }
  })

  test('lists the namespaced routes under a separate tag', () => {
    const twins = Object.values<RouteContract>(routes)
      .filter(({ namespaced }) => namespaced)
      .flatMap((route) => [route, keyInQuery(route) ?? []].flat())
      .map(inNamespace)
    const tagged = Object.entries(whole.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { tags }]) => (tags.includes(namespacedTag) ? [`${method} ${path}`] : [])),
    )
    expect(tagged.sort()).toEqual(twins.map(({ method, path }) => `${method} ${path}`).sort())
  })
})
