import { errors, inNamespace, type RouteContract, routes } from '@holdfast/contracts'
import type {} from '@holdfast/testbed/shared-api'
import fc from 'fast-check'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { type OpenApi, operationOf, validatorOf } from '../src/document.ts'
import { type ContractRequest, commonKeys, invalidRequests, ownPrefix, validRequests } from '../src/request.ts'
import { expectDeclared, send } from '../src/send.ts'

const url = inject('apiUrl')
/** A deployment that counts requests would make every run wait. */
const numRuns = process.env.HOLDFAST_URL ? 10 : 100
const nothing: ContractRequest = { params: {}, query: {}, headers: {}, body: undefined }
const document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi
const served = (Object.entries(routes) as [string, RouteContract][]).filter(([, route]) => operationOf(document, route) !== undefined)

afterAll(async () => {
  await send(url, routes.deleteItems, { ...nothing, query: { prefix: ownPrefix } })
  const left = await send(url, routes.listItems, { ...nothing, query: { prefix: ownPrefix } })
  expect(JSON.parse(left.text).total).toBe(0)
})

describe.each(served)('%s', (_id, route) => {
  const operation = operationOf(document, route)

  test('what its contract takes is answered as the contract and the document say', async () => {
    // A create needs keys that are free, all others keys that are there.
    await send(url, routes.deleteItems, { ...nothing, query: { prefix: ownPrefix } })
    for (const key of route.path === '/items' && route.method === 'post' ? [] : commonKeys) {
      await send(url, routes.putItem, { ...nothing, params: { key }, body: { value: 1, ttl: 600 } })
    }
    const seen = new Set<number>()
    await fc.assert(
      fc.asyncProperty(validRequests(route), async (request) => {
        const answer = await send(url, route, request)
        expectDeclared(route, answer)
        expect(answer.status).toBeLessThan(500)
        seen.add(answer.status)
        const schema = operation?.responses[answer.status]?.content?.[answer.headers.get('content-type') ?? '']?.schema
        if (schema !== undefined && !answer.headers.get('content-type')?.startsWith('text/')) {
          validatorOf(document, schema).parse(JSON.parse(answer.text))
        }
      }),
      { numRuns },
    )
    expect([...seen].filter((status) => status in route.answers)).not.toEqual([])
  })

  test.runIf(route.limited && route.method !== 'head')('what its contract does not take is refused', async () => {
    await fc.assert(
      fc.asyncProperty(invalidRequests(route), async (request) => {
        const answer = await send(url, route, request)
        expectDeclared(route, answer)
        expect([answer.status, JSON.parse(answer.text).code]).toEqual([400, 'validation_failed'])
      }),
      { numRuns },
    )
  })

  test('the document has its statuses and parameters', () => {
    const statuses = [...Object.keys(route.answers), ...route.errors.map((code) => String(errors[code].status))]
    expect(Object.keys(operation?.responses ?? {}).sort()).toEqual([...new Set(statuses)].sort())
    const parts = [
      ['path', route.request.params],
      ['query', route.request.query],
      ['header', route.request.headers],
    ] as const
    const parameters = parts.flatMap(([place, schema]) =>
      Object.entries(schema?.shape ?? {}).map(
        ([name, member]) => `${place} ${name} ${place === 'path' || !member.safeParse(undefined).success}`,
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
  const always = Object.values(routes as Record<string, RouteContract>).filter((route) => route.enabledBy === undefined)
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
