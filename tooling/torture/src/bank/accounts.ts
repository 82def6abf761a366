import { ChecksFailedError, type Client, OutOfBoundsError } from '@holdfast/client'
import { assertHolds } from '../violation.ts'

const accountCount = 20
const initialBalance = 100
const amountMax = 30

const accounts = Array.from({ length: accountCount }, (_, n) => `account-${n}`)
/** The sum of all balances, which transfers must not change. */
const expectedTotal = accountCount * initialBalance

/** The outcome of a transfer. `rejected`: the balance was insufficient, or a checked account had changed. */
export type TransferOutcome = 'done' | 'rejected'

const randomAccounts = (): [string, string] => {
  const from = Math.floor(Math.random() * accountCount)
  const to = (from + 1 + Math.floor(Math.random() * (accountCount - 1))) % accountCount
  return [accounts[from] as string, accounts[to] as string]
}

export const openAccounts = async (client: Client): Promise<void> => {
  for (const account of accounts) await client.put(account, initialBalance)
}

const outcomeOf = async (transfer: Promise<unknown>): Promise<TransferOutcome> => {
  try {
    await transfer
    return 'done'
  } catch (error) {
    if (error instanceof ChecksFailedError || error instanceof OutOfBoundsError) return 'rejected'
    throw error
  }
}

/** Transfers an amount with increments. The balance of the source must not become negative. */
const transferByIncrements = (client: Client): Promise<TransferOutcome> => {
  const [from, to] = randomAccounts()
  const amount = 1 + Math.floor(Math.random() * amountMax)
  return outcomeOf(
    client.transaction((tx) => {
      tx.increment(to, { by: amount })
      tx.increment(from, { by: -amount, min: 0 })
    }),
  )
}

/** Reads two accounts, then sets both if their versions have not changed. */
const transferByChecks = async (client: Client): Promise<TransferOutcome> => {
  const pair = randomAccounts()
  const [from, to] = await client.getMany<number>(pair)
  const amount = 1 + Math.floor(Math.random() * amountMax)
  if (from === undefined || to === undefined || from.value < amount) return 'rejected'
  return outcomeOf(
    client.transaction((tx) => {
      tx.check(from.key, from.version)
      tx.check(to.key, to.version)
      tx.set(from.key, from.value - amount)
      tx.set(to.key, to.value + amount)
    }),
  )
}

/** Transfers a random amount between two random accounts. */
export const transfer = (client: Client): Promise<TransferOutcome> =>
  Math.random() < 0.5 ? transferByIncrements(client) : transferByChecks(client)

/** Reads all accounts in one request. @throws Violation if the total changed or a balance is negative */
export const audit = async (client: Client): Promise<void> => {
  const balances = (await client.getMany<number>(accounts)).map((item) => item?.value ?? Number.NaN)
  const total = balances.reduce((sum, balance) => sum + balance, 0)
  assertHolds(total === expectedTotal, () => `the total of all accounts is ${total}; expected ${expectedTotal}: ${balances}`)
  assertHolds(
    balances.every((balance) => balance >= 0),
    () => `the balance of an account is negative: ${balances}`,
  )
}
