import { errors, inNamespace, keyInQuery, type RouteContract, type RouteId, routes } from '@holdfast/contracts'
import type {} from '@holdfast/testbed/shared-api'
import fc from 'fast-check'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { type OpenApi, operationOf, validatorOf } from '../src/document.ts'
import { type ContractRequest, commonKeys, invalidRequests, ownApiKeyName, ownNamespace, ownPrefix, validRequests } from '../src/request.ts'
import { type ApiResponse, expectDeclared, send } from '../src/send.ts'
import { typicalRequest } from '../src/typical-request.ts'

const url = inject('apiUrl')
/** Fewer runs against a deployment, which may have a rate limit. */
const numRuns = process.env.HOLDFAST_URL ? 10 : 100
const emptyRequest: ContractRequest = { params: {}, query: {}, headers: {}, body: undefined }
const document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi
/** The enabled routes by operation id. Routes of one item also have a variant with the key in the query. */
const enabledRoutes = (Object.entries(routes) as [RouteId, RouteContract][])
  .flatMap(([id, route]): [string, RouteContract, RouteId][] => {
    const byQuery = keyInQuery(route)
    return byQuery === undefined
      ? [[id, route, id]]
      : [
          [id, route, id],
          [`${id}ByQuery`, byQuery, id],
        ]
  })
  .filter(([, route]) => operationOf(document, route) !== undefined)

/** Returns whether the API key lacks the permission for a request. */
const isForbidden = ({ status }: ApiResponse): boolean => status === errors.forbidden.status
const forbiddenNote = 'the API key may not call this route'

const isEnabled = (id: RouteId): boolean => enabledRoutes.some(([enabledId]) => enabledId === id)

afterAll(async () => {
  await send(url, routes.deleteItems, { ...emptyRequest, query: { prefix: ownPrefix } })
  const remaining = await send(url, routes.listItems, { ...emptyRequest, query: { prefix: ownPrefix } })
  expect(JSON.parse(remaining.text).total).toBe(0)
  for (const namespace of new Set(createdNamespaces)) await send(url, routes.deleteNamespace, { ...emptyRequest, params: { namespace } })
  if (!isEnabled('listApiKeys')) return
  const keys = await send(url, routes.listApiKeys, emptyRequest)
  if (keys.status !== 200) return
  for (const { id, name } of JSON.parse(keys.text).api_keys) {
    if (name === ownApiKeyName) await send(url, routes.deleteApiKey, { ...emptyRequest, params: { id } })
  }
})

const createdNamespaces: string[] = []

/** Creates the API key that a route needs. Returns its id. */
const prepareApiKey = async (id: RouteId): Promise<string | undefined> => {
  if (id !== 'deleteApiKey') return undefined
  const { status, text } = await send(url, routes.createApiKey, { ...emptyRequest, body: { name: ownApiKeyName, scopes: ['read'] } })
  return status === 201 ? JSON.parse(text).id : undefined
}

/** Creates the namespace or the items that a route needs. The creation of an item needs an unused key. Returns the version of the first item. */
const prepare = async (id: RouteId, route: RouteContract, startingValue: unknown): Promise<string | undefined> => {
  if (route.tag === 'Namespaces') {
    if (id === 'createNamespace') await send(url, routes.deleteNamespace, { ...emptyRequest, params: { namespace: ownNamespace } })
    else await send(url, routes.createNamespace, { ...emptyRequest, body: { name: ownNamespace } })
    return undefined
  }
  const isAboutItem = 'key' in { ...route.request.params?.shape, ...route.request.query?.shape }
  if (!isAboutItem && route.request.body === undefined) return undefined
  if (id === 'createItem') {
    await send(url, routes.deleteItems, { ...emptyRequest, query: { prefix: ownPrefix } })
    return undefined
  }
  const operations = commonKeys.map((key) => ({ op: 'set', key, value: startingValue, ttl: 600 }))
  const { status, text } = await send(url, routes.transact, { ...emptyRequest, body: { operations } })
  return status === 200 ? JSON.parse(text).results[0].version : undefined
}

describe.each(enabledRoutes)('%s', (_operationId, route, id) => {
  const operation = operationOf(document, route)

  test('responses to valid requests match the contract and the document', async (context) => {
    const typical = typicalRequest(id, route, await prepareApiKey(id))
    const version = await prepare(id, route, typical.startingValue)
    const responseOf = async (request: ContractRequest): Promise<ApiResponse> => {
      const response = await send(url, route, request)
      if (id === 'createNamespace' && response.status === 201) createdNamespaces.push(JSON.parse(response.text).name)
      expectDeclared(route, response)
      expect(response.status).toBeLessThan(500)
      const schema = operation?.responses[response.status]?.content?.[response.headers.get('content-type') ?? '']?.schema
      if (schema !== undefined && !response.headers.get('content-type')?.startsWith('text/')) {
        validatorOf(document, schema).parse(JSON.parse(response.text))
      }
      return response
    }
    const response = await responseOf(id === 'restoreItem' ? { ...typical.request, body: { version } } : typical.request)
    if (isForbidden(response)) context.skip(forbiddenNote)
    expect(Object.keys(route.responses), response.text).toContain(String(response.status))
    // Any declared response is correct here, because it depends on the requests sent before.
    await fc.assert(
      fc.asyncProperty(validRequests(route), async (request) => void (await responseOf(request))),
      { numRuns },
    )
  })

  test.runIf(route.limited && route.method !== 'head')('requests that violate the contract are rejected', async (context) => {
    await fc.assert(
      fc.asyncProperty(invalidRequests(route), async (request) => {
        const response = await send(url, route, request)
        if (isForbidden(response)) context.skip(forbiddenNote)
        expectDeclared(route, response)
        expect([response.status, JSON.parse(response.text).code]).toEqual([400, 'validation_failed'])
      }),
      { numRuns },
    )
  })

  test('the document lists every status and parameter of the contract', () => {
    const statuses = [...Object.keys(route.responses), ...route.errors.map((code) => String(errors[code].status))]
    expect(Object.keys(operation?.responses ?? {}).sort()).toEqual([...new Set(statuses)].sort())
    const parts = [
      ['path', route.request.params],
      ['query', route.request.query],
      ['header', route.request.headers],
    ] as const
    const parameters = parts.flatMap(([location, schema]) =>
      Object.entries(schema?.shape ?? {}).map(
        ([name, member]) => `${location} ${name} ${location === 'path' || !member.safeParse(undefined).success}`,
      ),
    )
    expect((operation?.parameters ?? []).map((each) => `${each.in} ${each.name} ${each.required ?? false}`).sort()).toEqual(
      parameters.sort(),
    )
  })

  test('the document accepts every body that the contract accepts', () => {
    const body = operation?.requestBody
    expect(body === undefined).toBe(route.request.body === undefined)
    if (body === undefined) return
    expect(body.required).toBe(route.request.bodyOptional !== true)
    const validator = validatorOf(document, body.content['application/json']?.schema ?? {})
    fc.assert(
      fc.property(validRequests(route), (request) => {
        if (request.body !== undefined) validator.parse(request.body)
      }),
    )
  })
})

test('the document has every unconditional route, and no route without a contract', () => {
  const unconditional = Object.values(routes as Record<string, RouteContract>).filter(
    (route) => route.enabledBy === undefined && route.movedBy === undefined,
  )
  expect(unconditional.filter((route) => operationOf(document, route) === undefined).map(({ path }) => path)).toEqual([])
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method} ${path}`),
  )
  const contracts = enabledRoutes.flatMap(([id, route]) => {
    const { method, path, namespaced } = route
    return [`${id} ${method} ${path}`, ...(namespaced ? [`${id}InNamespace ${method} ${inNamespace(route).path}`] : [])]
  })
  expect(operations.sort()).toEqual(contracts.sort())
})

test('a path without a contract returns 404 route_not_found', async () => {
  const response = await fetch(`${url}/no/such/route`)
  expect([response.status, await response.json()]).toMatchObject([404, { code: 'route_not_found' }])
})
