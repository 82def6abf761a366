import { defaultNamespace } from '@holdfast/contracts'

/** Returns the path of the items of a namespace, for links. */
export const itemsPath = (namespace: string): string => (namespace === defaultNamespace ? '/items' : `/namespaces/${namespace}/items`)
