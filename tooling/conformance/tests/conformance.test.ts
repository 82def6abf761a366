import { errors, inNamespace, keyInQuery, type RouteContract, type RouteId, routes } from '@holdfast/contracts'
import type {} from '@holdfast/testbed/shared-api'
import fc from 'fast-check'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { type OpenApi, operationOf, validatorOf } from '../src/document.ts'
import { type ContractRequest, commonKeys, invalidRequests, ownApiKeyName, ownNamespace, ownPrefix, validRequests } from '../src/request.ts'
import { type ApiResponse, expectDeclared, send } from '../src/send.ts'
import { typicalRequest } from '../src/typical-request.ts'

const url = inject('apiUrl')
/** A deployment that counts requests would make every run wait. */
const numRuns = process.env.HOLDFAST_URL ? 10 : 100
const nothing: ContractRequest = { params: {}, query: {}, headers: {}, body: undefined }
const document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi
/** Routes by their operation id in the document, those of one item also with the key in the query. */
const served = (Object.entries(routes) as [RouteId, RouteContract][])
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

/** Whether the answer is that the API key of this run may not do this. */
const isForbidden = ({ status }: ApiResponse): boolean => status === errors.forbidden.status
const mayNot = 'the API key may not call this route'

const isServed = (id: RouteId): boolean => served.some(([servedId]) => servedId === id)

afterAll(async () => {
  await send(url, routes.deleteItems, { ...nothing, query: { prefix: ownPrefix } })
  const left = await send(url, routes.listItems, { ...nothing, query: { prefix: ownPrefix } })
  expect(JSON.parse(left.text).total).toBe(0)
  for (const namespace of new Set(namespacesMade)) await send(url, routes.deleteNamespace, { ...nothing, params: { namespace } })
  if (!isServed('listApiKeys')) return
  const keys = await send(url, routes.listApiKeys, nothing)
  if (keys.status !== 200) return
  for (const { id, name } of JSON.parse(keys.text).api_keys) {
    if (name === ownApiKeyName) await send(url, routes.deleteApiKey, { ...nothing, params: { id } })
  }
})

const namespacesMade: string[] = []

/** Prepares what a route needs: a create wants a free key, all others want items, a namespace and an API key that are there. */
const prepare = async (id: RouteId, route: RouteContract): Promise<{ readonly apiKeyId: string | undefined }> => {
  if (route.tag === 'Namespaces') {
    if (id === 'createNamespace') await send(url, routes.deleteNamespace, { ...nothing, params: { namespace: ownNamespace } })
    else await send(url, routes.createNamespace, { ...nothing, body: { name: ownNamespace } })
    return { apiKeyId: undefined }
  }
  if (id === 'deleteApiKey') {
    const { status, text } = await send(url, routes.createApiKey, { ...nothing, body: { name: ownApiKeyName, scopes: ['read'] } })
    return { apiKeyId: status === 201 ? JSON.parse(text).id : undefined }
  }
  const isAboutItem = 'key' in { ...route.request.params?.shape, ...route.request.query?.shape }
  if (!isAboutItem && route.request.body === undefined) return { apiKeyId: undefined }
  if (id === 'createItem') await send(url, routes.deleteItems, { ...nothing, query: { prefix: ownPrefix } })
  else {
    const operations = commonKeys.map((key) => ({ op: 'set', key, value: 1, ttl: 600 }))
    await send(url, routes.transact, { ...nothing, body: { operations } })
  }
  return { apiKeyId: undefined }
}

describe.each(served)('%s', (_operationId, route, id) => {
  const operation = operationOf(document, route)

  test('what its contract takes is answered as the contract and the document say', async (context) => {
    const { apiKeyId } = await prepare(id, route)
    const responseOf = async (request: ContractRequest): Promise<ApiResponse> => {
      const answer = await send(url, route, request)
      if (id === 'createNamespace' && answer.status === 201) namespacesMade.push(JSON.parse(answer.text).name)
      expectDeclared(route, answer)
      expect(answer.status).toBeLessThan(500)
      const schema = operation?.responses[answer.status]?.content?.[answer.headers.get('content-type') ?? '']?.schema
      if (schema !== undefined && !answer.headers.get('content-type')?.startsWith('text/')) {
        validatorOf(document, schema).parse(JSON.parse(answer.text))
      }
      return answer
    }
    const typical = await responseOf(typicalRequest(id, route, apiKeyId))
    if (isForbidden(typical)) context.skip(mayNot)
    expect(Object.keys(route.responses), typical.text).toContain(String(typical.status))
    // Most of these meet what the ones before have left behind, so that any declared answer is right.
    await fc.assert(
      fc.asyncProperty(validRequests(route), async (request) => void (await responseOf(request))),
      { numRuns },
    )
  })

  test.runIf(route.limited && route.method !== 'head')('what its contract does not take is refused', async (context) => {
    await fc.assert(
      fc.asyncProperty(invalidRequests(route), async (request) => {
        const answer = await send(url, route, request)
        if (isForbidden(answer)) context.skip(mayNot)
        expectDeclared(route, answer)
        expect([answer.status, JSON.parse(answer.text).code]).toEqual([400, 'validation_failed'])
      }),
      { numRuns },
    )
  })

  test('the document has its statuses and parameters', () => {
    const statuses = [...Object.keys(route.responses), ...route.errors.map((code) => String(errors[code].status))]
    expect(Object.keys(operation?.responses ?? {}).sort()).toEqual([...new Set(statuses)].sort())
    const parts = [
      ['path', route.request.params],
      ['query', route.request.query],
      ['header', route.request.headers],
    ] as const
    const parameters = parts.flatMap(([index, schema]) =>
      Object.entries(schema?.shape ?? {}).map(
        ([name, member]) => `${index} ${name} ${index === 'path' || !member.safeParse(undefined).success}`,
      ),
    )
    expect((operation?.parameters ?? []).map((each) => `${each.in} ${each.name} ${each.required ?? false}`).sort()).toEqual(
      parameters.sort(),
    )
  })

  test('the document takes the bodies that the contract takes', () => {
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

test('the document has every route that is always there, and none that no contract has', () => {
  const always = Object.values(routes as Record<string, RouteContract>).filter(
    (route) => route.enabledBy === undefined && route.movedBy === undefined,
  )
  expect(always.filter((route) => operationOf(document, route) === undefined).map(({ path }) => path)).toEqual([])
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method} ${path}`),
  )
  const contracts = served.flatMap(([id, route]) => {
    const { method, path, namespaced } = route
    return [`${id} ${method} ${path}`, ...(namespaced ? [`${id}InNamespace ${method} ${inNamespace(route).path}`] : [])]
  })
  expect(operations.sort()).toEqual(contracts.sort())
})

test('a path that no contract has is refused', async () => {
  const response = await fetch(`${url}/no/such/route`)
  expect([response.status, await response.json()]).toMatchObject([404, { code: 'route_not_found' }])
})
