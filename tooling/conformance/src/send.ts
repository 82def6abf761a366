import { setTimeout } from 'node:timers/promises'
import { errors, Problem, type RouteContract } from '@holdfast/contracts'
import { readEvent } from '@holdfast/testbed/read-event'
import { expect, inject } from 'vitest'
import type { ContractRequest } from './request.ts'

export interface ApiResponse {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

const pathOf = ({ path }: RouteContract, { params, query }: ContractRequest): string => {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])))
  const parameters = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => [value ?? []].flat().map((each) => [name, String(each)])),
  )
  return parameters.size === 0 ? filled : `${filled}?${parameters}`
}

const headersOf = ({ headers, body }: ContractRequest): Headers => {
  const all = new Headers(body === undefined ? {} : { 'content-type': 'application/json' })
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) all.set(name, String(value))
  const apiKey = inject('apiKey')
  if (apiKey !== '') all.set('authorization', `Bearer ${apiKey}`)
  return all
}

/** Sends a request. If the API responds with 429, waits as `Retry-After` says and sends the request again. */
export const send = async (url: string, route: RouteContract, request: ContractRequest): Promise<ApiResponse> => {
  const { body } = request
  const response = await fetch(url + pathOf(route, request), {
    method: route.method.toUpperCase(),
    headers: headersOf(request),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const isStream = route.responses[response.status]?.events !== undefined && route.method !== 'head'
  const apiResponse = { status: response.status, headers: response.headers, text: await (isStream ? readEvent(response) : response.text()) }
  if (apiResponse.status !== 429) return apiResponse
  expectDeclared(route, apiResponse)
  await setTimeout(Number(apiResponse.headers.get('retry-after')) * 1000)
  return send(url, route, request)
}

/**
 * Checks a response against its contract. It must have a declared status with the headers and body of
 * that status, or be a problem with a declared code.
 */
export const expectDeclared = (route: RouteContract, { status, headers, text }: ApiResponse): void => {
  const contract = route.responses[status]
  if (contract === undefined) {
    expect(route.errors.map((code) => errors[code].status)).toContain(status)
    expect(headers.get('content-type')).toBe('application/problem+json')
    if (route.method === 'head') return
    const problem = Problem.parse(JSON.parse(text))
    expect(route.errors).toContain(problem.code)
    expect([errors[problem.code].status, problem.instance]).toEqual([status, headers.get('x-request-id')])
    if (status === 429 || problem.code === 'overloaded') expect(headers.get('retry-after')).toMatch(/^[1-9][0-9]*$/)
    return
  }
  contract.headers?.parse(Object.fromEntries(headers))
  if (contract.body !== undefined) {
    expect(headers.get('content-type')).toBe('application/json')
    contract.body.parse(JSON.parse(text))
  } else if (contract.contentType === undefined) expect(text).toBe('')
  else expect(text).not.toBe('')
}
