// Drives the sandbox with HubSpot's own Node client and prints what it saw as JSON.
// Arguments: base URL, access token, id of a contact with a company, id of one without.
import { Client } from "@hubspot/api-client";

const [basePath, accessToken, linked, alone] = process.argv.slice(2);
const client = new Client({ accessToken, basePath, numberOfApiCallRetries: 0 });
const contacts = client.crm.contacts;

const page = await contacts.basicApi.getPage(2, undefined, ["email", "jobtitle"]);
const found = await contacts.searchApi.doSearch({
  filterGroups: [{ filters: [{ propertyName: "email", operator: "EQ", value: "person0@example.com" }] }],
  properties: ["email"],
  limit: 10,
});
const updated = await contacts.batchApi.update({
  inputs: [
    { id: linked, properties: { jobtitle: "CTO" } },
    { id: "999999", properties: { jobtitle: "CTO" } },
  ],
});
const links = await client.crm.associations.v4.batchApi.getPage("contacts", "companies", {
  inputs: [{ id: linked }, { id: alone }],
});
const property = await client.crm.properties.coreApi.getByName("contacts", "lifecyclestage");
const token = await client.oauth.tokensApi.create(
  "refresh_token", undefined, undefined, "sandbox-client", "sandbox-secret", "sandbox-refresh",
);
let refusal;
try {
  await contacts.batchApi.update({ inputs: [{ id: linked, properties: { hubspotscore: "1" } }] });
} catch (error) {
  refusal = { code: error.code, category: error.body.category };
}

console.log(JSON.stringify({
  page: { ids: page.results.map((one) => one.id), after: page.paging.next.after },
  found: { total: found.total, ids: found.results.map((one) => one.id) },
  updated: { ids: updated.results.map((one) => one.id), missing: updated.errors[0].context.ids },
  links: { from: links.results.map((one) => one._from.id), errors: links.errors.map((one) => one.subCategory) },
  stages: property.options.map((one) => one.value),
  token: { expiresIn: token.expiresIn, refreshToken: token.refreshToken },
  refusal,
}));
