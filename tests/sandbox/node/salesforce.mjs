// Drives the sandbox with jsforce and prints what it saw as JSON.
// Arguments: base URL, client id, client secret, id of a lead to update, id of a deleted lead.
import jsforce from "jsforce";

const [loginUrl, clientId, clientSecret, live, gone] = process.argv.slice(2);
const connection = new jsforce.Connection({
  instanceUrl: loginUrl,
  oauth2: { clientId, clientSecret, loginUrl },
  version: "67.0",
});
await connection.authorize({ grant_type: "client_credentials" });

const versions = await connection.request("/services/data");
const described = await connection.sobject("Lead").describe();
const all = await connection.query("SELECT Id, Name FROM Lead", { autoFetch: true, maxFetch: 10000 });
const updated = await connection.sobject("Lead").update(
  [{ Id: live, Title: "CTO" }, { Id: gone, Title: "CTO" }],
  { headers: { "Sforce-Auto-Assign": "FALSE" } },
);
let refusal;
try {
  await connection.query("SELECT Nothing FROM Lead");
} catch (error) {
  refusal = error.errorCode;
}

const job = connection.bulk2.createJob({ operation: "update", object: "Lead" });
await job.open();
await job.uploadData([{ Id: live, Title: null, Rating: "Hot" }, { Id: gone, Title: "x", Rating: "Cold" }]);
await job.close();
await job.poll(50, 20000);
const results = await job.getAllResults();
const info = await job.check();

const stream = await connection.bulk2.query("SELECT Id, Rating FROM Lead WHERE Rating = 'Hot'", {
  pollInterval: 50,
  pollTimeout: 20000,
});
const hot = await stream.toArray();

console.log(JSON.stringify({
  newest: versions.at(-1).version,
  title: described.fields.find((field) => field.name === "Title").length,
  total: all.totalSize,
  fetched: all.records.length,
  done: all.done,
  updated: updated.map((row) => [row.success, row.errors[0]?.statusCode ?? null]),
  refusal,
  ingest: {
    good: results.successfulResults.map((row) => [row.sf__Id, row.sf__Created]),
    bad: results.failedResults.map((row) => [row.Id, row.sf__Error]),
    left: results.unprocessedRecords.length,
    failed: info.numberRecordsFailed,
  },
  hot,
}));
